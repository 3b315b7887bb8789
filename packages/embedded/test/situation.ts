import { chmodSync, existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { EmbeddedPostgres } from '@pgmq/embedded'
import pg from 'pg'
import { expect, onTestFinished } from 'vitest'

/** A directory of the test's own, which the user that the server runs as may enter, too. */
export function ownDirectory(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'embedded-test-'))
  chmodSync(dir, 0o755)
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 20 }))
  return dir
}

/** Stops the server when the test has ended, unless the test did. */
export function stopAfterTest(server: EmbeddedPostgres): EmbeddedPostgres {
  onTestFinished(() => server.stop({ mode: 'immediate' }))
  return server
}

export async function query(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text, [...values])).rows
  } finally {
    await client.end()
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    // killed, and only waiting for its parent to take notice
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return true
  }
}

const patience = { timeout: 20_000, interval: 20 }

export async function vanishes(pid: number): Promise<void> {
  await expect.poll(() => isAlive(pid), patience).toBe(false)
}

export async function isRemoved(file: string): Promise<void> {
  await expect.poll(() => existsSync(file), patience).toBe(false)
}

export async function eventually(condition: () => boolean): Promise<void> {
  await expect.poll(condition, patience).toBe(true)
}
