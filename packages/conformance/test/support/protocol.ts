import { createProtocol, type Protocol } from '@pgmq/core/protocol'
import type { PgConnection } from '@pgmq/node-pg'
import { begin } from './connection.js'
import type { Harness } from './harness.js'

/** A fresh one on the suite's pool, which has learned nothing yet. */
export function protocolOf(h: Pick<Harness, 'client'>): Protocol<PgConnection> {
  return createProtocol(h.client)
}

/** A fresh one on the pool, and a fresh one inside a transaction: what each test of a shape is to hold for. */
export async function bothScopes(
  h: Pick<Harness, 'client' | 'url'>,
): Promise<readonly { readonly scope: string; readonly pgmq: Protocol<PgConnection>; end(): Promise<void> }[]> {
  const tx = await begin(h)
  return [
    { scope: 'pool', pgmq: protocolOf(h), end: async () => undefined },
    { scope: 'connection', pgmq: protocolOf(h).with(tx), end: async () => void (await tx.query('commit')) },
  ]
}
