/** What became of messages. */
export interface Tally {
  moved: number
  expired: number
  /** Refused, and now in the Kombu queue's dead-letter queue. */
  deadLettered: number
  /** Refused, and left to the Python worker. */
  left: number
}

export const emptyTally = (): Tally => ({ moved: 0, expired: 0, deadLettered: 0, left: 0 })

export function addTo(sum: Tally, tally: Readonly<Tally>): void {
  for (const name of Object.keys(sum) as (keyof Tally)[]) sum[name] += tally[name]
}
