/** What a role hears from, and tells, whoever directs the measure. */
export interface Stage {
  /** Resolves when the measure begins. */
  readonly go: Promise<void>
  /** Resolves when it is over. */
  readonly stop: Promise<void>
  tell(news: unknown): void
}
