import type { Context } from 'hono'

/**
 * What a request wants to do: `read` looks; `produce` enqueues; `operate` leases, finishes, redrives and drains; `admin`
 * creates, drops and purges.
 */
export type QueueAction = 'read' | 'produce' | 'operate' | 'admin'

export interface QueueRequest {
  readonly action: QueueAction
  /** `null`: the request is about all queues, as their list is. */
  readonly queue: string | null
}

/** `false` is answered by 403, `'unauthenticated'` by 401. */
export type Verdict = boolean | 'unauthenticated'

/**
 * Decides about every request but those for health. What it throws refuses, too.
 *
 * @example (c, { action }) => action === 'read' || c.get('user').isAdmin
 */
export type Authorize = (c: Context, request: QueueRequest) => Verdict | Promise<Verdict>
