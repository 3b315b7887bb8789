import type { Outfit } from './outfit.js'

/** What became of the mails of this process, of a file or from elsewhere. */
export interface MailCounts {
  readonly succeeded: number
  readonly retried: number
  readonly deadLettered: number
}

export function countMails(worker: Outfit['worker']): MailCounts {
  const counts = { succeeded: 0, retried: 0, deadLettered: 0 }
  for (const event of ['succeeded', 'retried', 'deadLettered'] as const) worker.on(event, () => void counts[event]++)
  return counts
}
