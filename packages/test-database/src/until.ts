import { setTimeout as sleep } from 'node:timers/promises'

const DEADLINE_MS = 15_000

/** Waits for a condition, and says which one when it does not come. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${DEADLINE_MS} ms in vain until ${what}`)
    await sleep(5)
  }
}
