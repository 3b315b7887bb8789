import { readFileSync } from 'node:fs'
import type { DeadLetterReason, PgmqErrorCode } from '@pgmq/core'
import { expect, it } from 'vitest'

const PAGE = readFileSync(new URL('../../../docs/troubleshooting.md', import.meta.url), 'utf8')
const [BY_CODE = '', BY_REASON = ''] = PAGE.split('\n# Dead letters by reason\n')
const sections = (text: string): Map<string, string> =>
  new Map(
    text
      .split('\n## ')
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section] as const),
  )

/** The compiler asks for each of them here, and the tests below for its section. */
const CODES: Record<PgmqErrorCode, true> = {
  BATCH_TOO_LARGE: true,
  BODY_NOT_SERIALIZABLE: true,
  CLIENT_CLOSED: true,
  CONFIGURATION_INVALID: true,
  CONNECTION_LOST: true,
  EXTENSION_MISSING: true,
  FEATURE_UNSUPPORTED: true,
  INPUT_INVALID: true,
  LEASE_LOST: true,
  OUTCOME_UNKNOWN: true,
  OUTPUT_INVALID: true,
  PERMISSION_DENIED: true,
  QUERY_FAILED: true,
  QUEUE_NAME_INVALID: true,
  QUEUE_NOT_FOUND: true,
}
const REASONS: Record<DeadLetterReason, true> = {
  crash_loop: true,
  invalid_input: true,
  permanent: true,
  retries_exhausted: true,
  timed_out: true,
  unknown_task: true,
}

it('has a section for each error code, and no other', () => {
  expect([...sections(BY_CODE).keys()].sort()).toEqual(Object.keys(CODES))
})

it.each(Object.keys(CODES))('says of %s what it means, and what to do', (code) => {
  const section = sections(BY_CODE).get(code)
  expect(section).toContain('**What it means.** ')
  expect(section).toContain('**What to do.** ')
})

it('has a section for each reason of a dead letter, and no other', () => {
  expect([...sections(BY_REASON).keys()].sort()).toEqual(Object.keys(REASONS))
})
