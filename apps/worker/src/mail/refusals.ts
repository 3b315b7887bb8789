import { createHash } from 'node:crypto'

/** What an SMTP server says instead of taking a recipient. From 500 on it is final, below it may be tried again. */
export interface Refusal {
  readonly code: number
  readonly text: string
}

const UNKNOWN: Refusal = { code: 550, text: '5.1.1 No such user here' }
const BLOCKED: Refusal = { code: 554, text: '5.7.1 Rejected by policy' }
const FULL: Refusal = { code: 452, text: '4.2.2 Mailbox full' }
const GREYLISTED: Refusal = { code: 451, text: '4.7.1 Greylisted, try again later' }

/**
 * What the catching server answers to an address that it was offered `earlier` times before, if it refuses: the same
 * for an address in every run. Of 1,000 addresses some 12 are refused for good, 4 as often as they are offered, and 50
 * once or twice.
 */
export function refusalOf(address: string, earlier: number): Refusal | undefined {
  const perMille = hashOf(address) % 1000
  if (perMille < 8) return UNKNOWN
  if (perMille < 12) return BLOCKED
  if (perMille < 16) return FULL
  if (perMille < 46) return earlier < 1 ? GREYLISTED : undefined
  if (perMille < 66) return earlier < 2 ? GREYLISTED : undefined
  return undefined
}

function hashOf(address: string): number {
  return createHash('sha256').update(address.toLowerCase()).digest().readUInt32BE(0)
}
