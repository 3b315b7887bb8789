import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { ReservedConnection } from '../driver.js'
import { Knowledge } from '../session.js'
import { Link } from './link.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('reconnects within two seconds of the server being back, however long it was away', async () => {
  let away = false
  const broken = Object.assign(new Error('gone'), { sent: true })
  const connection: ReservedConnection = {
    executor: { scope: 'pool', query: async () => (away ? Promise.reject(broken) : []) },
    release: async () => undefined,
  }
  const reserve = async (): Promise<ReservedConnection> => (away ? Promise.reject(broken) : connection)
  const link = new Link(
    { executor: connection.executor, reserve },
    new Knowledge(false, undefined),
    1_000,
    () => undefined,
  )
  await link.open()
  away = true
  await link.query({ text: '', params: [], decode: () => null }, { verb: 'ask', grants: '' }).catch(() => undefined)
  expect(link.up).toBe(false)

  await vi.advanceTimersByTimeAsync(60_000)
  away = false
  await vi.advanceTimersByTimeAsync(2_000)
  expect(link.up).toBe(true)
  await link.close()
})
