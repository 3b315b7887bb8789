/** Reasons of this library's dead letters that a message of Celery's can have. */
export type RefusalReason = 'unknown_task' | 'invalid_input'

/** Why a message is no job of ours. Its text says what is wrong with it. */
export class Refusal extends Error {
  override readonly name: string = 'Refusal'
  readonly reason: RefusalReason

  constructor(reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
