/**
 * One process of a measure: it plays one role with one system, so that nothing of another is compiled, cached or
 * collected in it. Started by `processes.ts`, which speaks with it by messages.
 */
import { type Play, roles } from './roles/index.js'
import { systems } from './systems/index.js'

process.once('message', (message: Play) => {
  const system = systems[message.system].create(message.url)
  const told = (signal: string): Promise<void> =>
    new Promise((resolve) => process.on('message', (other) => other === signal && resolve()))
  const stage = { go: told('go'), stop: told('stop'), tell: (news: unknown) => process.send?.({ news }) }
  const play = roles[message.role] as (s: typeof system, o: never, st: typeof stage) => Promise<unknown>
  play(system, message.options as never, stage)
    .then(async (result) => {
      await system.close()
      const { maxRSS } = process.resourceUsage()
      process.send?.({ result, peakMb: maxRSS / 1024 }, undefined, undefined, () => process.exit(0))
    })
    .catch((error: unknown) => {
      console.error(error)
      process.exit(1)
    })
})
