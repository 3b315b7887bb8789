/** Hidden for so many seconds from now, or until then; both by the database's clock. */
export type Due = { readonly seconds: number } | { readonly at: Date }

export const AT_ONCE: Due = { seconds: 0 }

/** How a delivery ended, where its end is known. One that is not (process killed, lease run out) is a crash. */
export type Outcome =
  | { readonly kind: 'succeeded'; readonly output: unknown }
  /** `permanent`: trying again is of no use. `due`: the handler chose the time of the next attempt. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly permanent: boolean; readonly due: Due | null }
  | { readonly kind: 'timedOut'; readonly error: unknown }
  | { readonly kind: 'snoozed'; readonly due: Due }
  /** Given back: unstarted, or cut off by a stop. */
  | { readonly kind: 'released' }
  /** The body does not fit the task's schema, or names no task. */
  | { readonly kind: 'invalid'; readonly error: unknown }
  /** No handler here for this task, or only for an older version of it. */
  | { readonly kind: 'unknownTask'; readonly error: unknown }

export type OutcomeKind = Outcome['kind']
