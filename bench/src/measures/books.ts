import { play } from '../processes.js'
import type { SystemName } from '../systems/index.js'
import type { Setting } from './measure.js'

/** A benchmark that loses or doubles a job measures nothing. */
class BooksWrong extends Error {
  constructor(system: SystemName, problem: string) {
    super(`the books of ${system} are wrong: ${problem}`)
    this.name = 'BooksWrong'
  }
}

/** Each job ran once, and the system's own tables say so, too. @throws BooksWrong */
export async function checkBooks(
  setting: Setting,
  url: string,
  results: readonly { readonly seen: Uint8Array }[],
  jobs: number,
): Promise<void> {
  for (let n = 0; n < jobs; n++) {
    const times = results.reduce((sum, { seen }) => sum + (seen[n] ?? 0), 0)
    if (times !== 1) throw new BooksWrong(setting.system, `job ${n} ran ${times} times`)
  }
  await checkTables(setting, url, { left: 0, kept: jobs })
}

/** What the system's tables say of jobs that are not finished, and of those that are. @throws BooksWrong */
export async function checkTables(
  { system, node }: Setting,
  url: string,
  expected: { readonly left: number; readonly kept?: number },
): Promise<void> {
  const { left, kept } = await play({ role: 'account', system, url, node, options: {} })
  if (left !== expected.left) throw new BooksWrong(system, `${left} jobs are left, not ${expected.left}`)
  if (expected.kept !== undefined && kept !== null && kept !== expected.kept)
    throw new BooksWrong(system, `${kept} jobs are kept, not ${expected.kept}`)
}
