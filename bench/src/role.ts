/**
 * One process of a measure: it plays one role with one system, so that nothing of another is compiled, cached or
 * collected in it. Started by `processes.ts`, which speaks with it by messages.
 */
import { type Play, roles } from './roles/index.js'
import type { Stage } from './roles/stage.js'
import { systems } from './systems/index.js'
import type { System } from './systems/system.js'

process.once('message', (message: Play) => {
  perform(message).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})

async function perform({ system: name, url, role, options }: Play): Promise<void> {
  const stage: Stage = { go: told('go'), stop: told('stop'), tell: (news) => process.send?.({ news }) }
  const system = await systems[name].create(url)
  const play = roles[role] as (system: System, options: never, stage: Stage) => Promise<unknown>
  const result = await play(system, options as never, stage)
  await system.close()
  const { maxRSS } = process.resourceUsage()
  process.send?.({ result, peakMb: maxRSS / 1024 }, undefined, undefined, () => process.exit(0))
}

function told(signal: string): Promise<void> {
  return new Promise((resolve) => process.on('message', (message) => message === signal && resolve()))
}
