import { play } from '../processes.js'
import { checkTables } from './books.js'
import type { Figures, Setting } from './measure.js'

/** Single jobs, so many calls at once; each call resolves when its job is committed. */
export async function measureEnqueue(
  setting: Setting,
  options: { readonly inFlight: number; readonly ms: number },
): Promise<Figures> {
  const { stand, system, node } = setting
  return await stand.store(system, async (url) => {
    const { perSecond, total } = await play({
      role: 'enqueue',
      system,
      url,
      node,
      options: { ...options, warmUpMs: options.ms / 4 },
    })
    await checkTables(setting, url, { left: total })
    return { perSecond }
  })
}

/** Many jobs a call, one call after the other. */
export async function measureEnqueueMany(
  setting: Setting,
  { jobs, perCall }: { readonly jobs: number; readonly perCall: number },
): Promise<Figures> {
  const { stand, system, node } = setting
  return await stand.store(system, async (url) => {
    const { ms } = await play({ role: 'fill', system, url, node, options: { jobs, perCall } })
    await checkTables(setting, url, { left: jobs })
    return { perSecond: (jobs / ms) * 1000 }
  })
}

/** Single jobs, each in a transaction of the caller's on a connection of its own. */
export async function measureCommits(
  setting: Setting,
  options: { readonly connections: number; readonly ms: number },
): Promise<Figures> {
  const { stand, system, node } = setting
  return await stand.store(system, async (url) => {
    const { perSecond, total } = await play({
      role: 'commit',
      system,
      url,
      node,
      options: { url, ...options, warmUpMs: options.ms / 4 },
    })
    await checkTables(setting, url, { left: total })
    return { perSecond }
  })
}
