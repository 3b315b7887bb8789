import { endsWithin, type Line } from '@pgmq/core/driver-kit'
import type { PgClient, PgClientConstructor } from './connection-types.js'
import { connectionError } from './errors.js'
import { createExecutor } from './executor.js'
import { abandon, destroy, ignore } from './hang-up.js'
import { type Turns, turnSource } from './sources.js'

const GOODBYE_MS = 1_000

/** For every connection that we open; what the user set goes before. */
export const CONNECTION_DEFAULTS: object = {
  connectionTimeoutMillis: 10_000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  fallback_application_name: 'pgmq',
}

interface PoolOptions {
  readonly password?: unknown
  /** A hook of `pg-pool`: what a new client needs before its first use, such as `set role`. */
  readonly onConnect?: (client: PgClient) => unknown
}

/** A connection outside the pool's count, with the pool's settings. It opens nothing until `connect`. */
export function dedicate(
  Client: PgClientConstructor,
  options: PoolOptions,
  nameOf: (text: string) => string | undefined,
): Line {
  // The password is named since `pg-pool` hides it from enumeration.
  const client = new Client({ ...CONNECTION_DEFAULTS, ...options, password: options.password })
  const turns: Turns = { busy: true }
  function refuse(cause?: Error): void {
    turns.refusal ??= connectionError('the connection has ended', false, cause)
  }
  async function connect(): Promise<void> {
    await client.connect()
    await options.onConnect?.(client)
    if (turns.refusal) throw turns.refusal
    turns.busy = false
  }
  async function release(): Promise<void> {
    refuse()
    // Not by `end` while it connects: `pg` would leave the promise of `connect` pending.
    if (turns.busy) await abandon(client)
    else if (!(await endsWithin(client.end(), GOODBYE_MS))) destroy(client)
  }
  client.on('error', refuse)
  client.on('end', refuse)
  const over = new Promise<void>((resolve) => client.on('end', resolve))
  const line: Line = {
    get processId() {
      return client.processID
    },
    onNotify: ignore,
    over,
    connect,
    release,
    executor: createExecutor(turnSource('pool', client, turns, release), nameOf),
  }
  client.on('notification', ({ channel }: { readonly channel: string }) => line.onNotify(channel))
  return line
}
