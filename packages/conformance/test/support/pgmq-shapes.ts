import { readFile } from 'node:fs/promises'
import type { Harness } from './harness.js'

/**
 * `1.4`, `1.5`, `1.9`: as those versions. `1.10-upgraded`: 1.10.0 after an update, whose queues from before have a column
 * in the wrong place, and whose new ones lack it. `ahead`: what 1.13 added, and a column that nobody knows yet.
 */
export type PgmqShape = '1.4' | '1.5' | '1.9' | '1.10-upgraded' | 'ahead'

const FILES: Readonly<Record<PgmqShape, readonly string[]>> = {
  '1.4': ['reshape', 'pgmq-1.9', 'pgmq-1.5', 'pgmq-1.4'],
  '1.5': ['reshape', 'pgmq-1.9', 'pgmq-1.5'],
  '1.9': ['reshape', 'pgmq-1.9'],
  '1.10-upgraded': ['reshape', 'pgmq-1.10-upgraded'],
  ahead: ['reshape', 'pgmq-ahead'],
}

/** Makes another version of the pgmq in the test's own database, its queues included. Once a database, and for good. */
export async function reshape(sql: Harness['sql'], shape: PgmqShape): Promise<void> {
  await runFixtures(sql, FILES[shape])
}

/** Puts a stand-in for pg_partman into the test's own database. */
export async function installPartman(sql: Harness['sql']): Promise<void> {
  await runFixtures(sql, ['partman'])
}

/** As one batch, so on one connection and in one transaction. */
async function runFixtures(sql: Harness['sql'], names: readonly string[]): Promise<void> {
  const texts = names.map((name) => readFile(new URL(`../../fixtures/${name}.sql`, import.meta.url), 'utf8'))
  await sql((await Promise.all(texts)).join('\n'))
}
