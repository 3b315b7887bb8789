/** Hidden for so long, or until then. Measured by the database's clock. */
export type Delay = { readonly delaySeconds: number } | { readonly runAt: Date }

/**
 * Thrown by a handler, from any depth: trying again is of no use, so the job is dead-lettered now.
 *
 * @example if (reply.status === 550) throw new PermanentError('refused', { cause: reply })
 */
export class PermanentError extends Error {
  readonly code = 'PERMANENT' as const

  override get name(): string {
    return 'PermanentError'
  }
}

/**
 * Thrown by a handler: a failure that is counted as any other, with the time of the next attempt chosen here.
 *
 * @example throw new RetryAfterError('rate limited', { delaySeconds: 30 })
 */
export class RetryAfterError extends Error {
  readonly code = 'RETRY_AFTER' as const
  readonly delay: Delay

  constructor(message: string, options: ErrorOptions & Delay) {
    super(message, options)
    this.delay = options
  }

  override get name(): string {
    return 'RetryAfterError'
  }
}

/**
 * Thrown by a handler: not a failure, only not now. The attempt is given back.
 *
 * @example throw new SnoozeError('the report is still being written', { delaySeconds: 60 })
 */
export class SnoozeError extends Error {
  readonly code = 'SNOOZE' as const
  readonly delay: Delay

  constructor(message: string, options: Delay) {
    super(message)
    this.delay = options
  }

  override get name(): string {
    return 'SnoozeError'
  }
}
