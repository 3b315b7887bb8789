import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { until } from './support/until.js'

const TOOLCHAIN = new URL('../../../scripts/toolchain.mjs', import.meta.url).href

/** What `npm start` does once the app is built, with a program in the app's place. */
const starting = (program: string): string =>
  `const { endWithParent, run } = await import(${JSON.stringify(TOOLCHAIN)})
   endWithParent()
   const { exitCode } = await run(process.execPath, ['--eval', ${JSON.stringify(program)}], { ownGroup: true })
   process.exitCode = exitCode`

function start(script: string): { readonly child: ChildProcess; readonly output: () => string } {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return { child, output: () => output }
}

it('passes on a second Ctrl-C, however fast the first is repeated', async () => {
  const program = `
    let signals = 0
    process.on('SIGINT', () => console.log('signal', ++signals))
    setInterval(() => {}, 1000)
    console.log('ready')`
  const { child, output } = start(starting(program))
  await until(() => output().includes('ready'))
  await until(() => {
    child.kill('SIGINT')
    return output().includes('signal 2')
  })
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([143, null])
})

it('ends with the npm that started it, also when that was killed', async () => {
  const program = `setInterval(() => {}, 1000); console.log('ready')`
  const npm = `
    const { spawn } = await import('node:child_process')
    spawn(process.execPath, ['--input-type=module', '--eval', ${JSON.stringify(starting(program))}], { stdio: 'inherit' })`
  const { child, output } = start(npm)
  await until(() => output().includes('ready'))
  const closed = once(child, 'close') // once nobody holds its output any more
  child.kill('SIGKILL')
  await closed
})
