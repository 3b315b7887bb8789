import { onTestFinished } from 'vitest'

/** What would have ended the process, from now to the end of the test. */
export function unhandled(): readonly unknown[] {
  const seen: unknown[] = []
  const listener = (error: unknown): void => void seen.push(error)
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
    const others = process.listeners(event as never) as ((...args: unknown[]) => void)[]
    process.removeAllListeners(event)
    process.on(event, listener)
    onTestFinished(() => {
      process.off(event, listener)
      for (const other of others) process.on(event, other)
    })
  }
  return seen
}
