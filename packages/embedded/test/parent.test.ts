import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { startPostgres } from '@pgmq/embedded'
import { describe, expect, it } from 'vitest'
import { ended, serve } from './serving.js'
import { isAlive, isRemoved, ownDirectory, stopAfterTest, vanishes } from './situation.js'

const durable = false

describe('a server whose program', () => {
  it('is killed with SIGKILL ends, and its files are removed', async () => {
    const serving = await serve({ durable }, 'stay')

    serving.process.kill('SIGKILL')

    await vanishes(serving.pid)
    await isRemoved(path.dirname(serving.dataDir))
  })

  it('has nothing left to do does not hold it, and ends', async () => {
    const serving = await serve({ durable }, 'leave')

    expect(await ended(serving.process)).toBe(0)
    await vanishes(serving.pid)
    await isRemoved(path.dirname(serving.dataDir))
  })

  it('gets Ctrl-C serves it until it has drained', async () => {
    const serving = await serve({ durable }, 'drain', { detached: true })
    const group = -(serving.process.pid ?? Number.NaN)

    process.kill(group, 'SIGINT') // what a terminal does: to every process of the group

    expect(await serving.nextLine()).toEqual({ answer: 42 })
    expect(await ended(serving.process)).toBe(0)
    await vanishes(serving.pid)
  })

  it('loses the keeper alone ends', async () => {
    const serving = await serve({ durable }, 'stay')
    try {
      process.kill(keeperOf(serving.dataDir), 'SIGKILL')

      await vanishes(serving.pid)
      await isRemoved(path.dirname(serving.dataDir))
    } finally {
      serving.process.kill('SIGKILL')
    }
  })

  it('is killed together with the keeper is ended by the next start', async () => {
    const serving = await serve({ durable }, 'stay')
    const keeper = keeperOf(serving.dataDir)
    process.kill(keeper, 'SIGSTOP') // so that it cannot act on the death of its program
    serving.process.kill('SIGKILL')
    process.kill(keeper, 'SIGKILL')
    await Promise.all([ended(serving.process), vanishes(keeper)])
    expect(isAlive(serving.pid)).toBe(true)

    stopAfterTest(await startPostgres({ durable }))

    await vanishes(serving.pid)
    await isRemoved(path.dirname(serving.dataDir))
  })

  it('is killed together with the keeper is ended in order by the next start on its data directory', async () => {
    const dataDir = path.join(ownDirectory(), 'data')
    const serving = await serve({ dataDir }, 'stay')
    const [scratch = ''] = readdirSync(dataDir).filter((name) => name.startsWith('pgmq-embedded-'))
    const keeper = keeperOf(path.join(dataDir, scratch, 'data'))
    process.kill(keeper, 'SIGSTOP') // so that it cannot act on the death of its program
    serving.process.kill('SIGKILL')
    process.kill(keeper, 'SIGKILL')
    await Promise.all([ended(serving.process), vanishes(keeper)])
    expect(isAlive(serving.pid)).toBe(true)

    const next = await startPostgres({ dataDir })

    expect(isAlive(serving.pid)).toBe(false)
    await next.stop()
    expect(readdirSync(dataDir).filter((name) => name.startsWith('pgmq-embedded-'))).toEqual([])
  })

  it('is killed with SIGKILL ends in order, when it has a data directory', async () => {
    const dataDir = path.join(ownDirectory(), 'data')
    const serving = await serve({ dataDir }, 'stay')

    serving.process.kill('SIGKILL')

    await vanishes(serving.pid)
    expect(readFileSync(path.join(dataDir, 'server.log'), 'utf8')).toContain('database system is shut down')
  })
})

function keeperOf(dataDir: string): number {
  return (JSON.parse(readFileSync(path.join(dataDir, '../keeper.json'), 'utf8')) as { pid: number }).pid
}
