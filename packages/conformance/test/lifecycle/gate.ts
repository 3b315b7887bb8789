import type pg from 'pg'
import type { ClientContext } from '../../../core/src/client/context.js'
import type { SqlExecutor, SqlParam, SqlRow } from '../../../core/src/driver.js'
import type { QueueName } from '../../../core/src/queue-name.js'
import type { Doing, Session } from '../../../core/src/session.js'
import type { QueueShape, Statement } from '../../../core/src/statements/parts.js'
import { Link } from '../../../core/src/worker/link.js'

/**
 * What becomes of a statement. `unheard`: it is done, and its reply is lost. `undone`: the connection broke before, which
 * nobody can tell from the other. `unsent`: there was no connection.
 */
export type Fate = 'answered' | 'unheard' | 'undone' | 'unsent'

export interface Sent {
  readonly text: string
  readonly params: readonly SqlParam[]
}

interface Waiting extends Sent {
  readonly resolve: (rows: readonly SqlRow[]) => void
  readonly reject: (error: unknown) => void
}

/** A process's way to the server: every statement waits here until the walk lets it pass, in whichever order. */
export class Gate implements SqlExecutor {
  readonly scope = 'pool'
  readonly #waiting: Waiting[] = []

  get waiting(): readonly Sent[] {
    return this.#waiting
  }

  query(text: string, params: readonly SqlParam[]): Promise<readonly SqlRow[]> {
    return new Promise((resolve, reject) => this.#waiting.push({ text, params, resolve, reject }))
  }

  /** `run` sends it to the server; what that refuses it tells. */
  async pass(
    index: number,
    fate: Fate,
    run: (sent: Sent) => Promise<readonly SqlRow[] | pg.DatabaseError>,
  ): Promise<void> {
    const [one] = this.#waiting.splice(index % this.#waiting.length, 1)
    if (!one) return
    const answer = fate === 'answered' || fate === 'unheard' ? await run(one) : []
    if (fate !== 'answered') one.reject(Object.assign(new Error('the connection broke'), { sent: fate !== 'unsent' }))
    else if (answer instanceof Error) one.reject(answer)
    else one.resolve(answer)
  }

  /** The process is gone, and waits for no answer. Gives what it had sent. */
  abandon(): readonly Sent[] {
    return this.#waiting.splice(0)
  }
}

/** A worker's connection, through its process's gate. It is back as soon as it broke: a longer outage is a later step. */
export class GatedLink extends Link {
  readonly #session: Session

  constructor({ session, shared }: ClientContext) {
    super(shared.driver, shared.knowledge, Number.POSITIVE_INFINITY, () => undefined)
    this.#session = session
  }

  override get up(): boolean {
    return true
  }

  override run<T>(queue: QueueName, doing: Doing, make: (shape: QueueShape) => Statement<T>): Promise<T> {
    return this.#session.run(queue, doing, make)
  }
}
