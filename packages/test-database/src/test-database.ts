// eslint-disable-next-line import-x/no-extraneous-dependencies -- the root's, see tsup.config.ts
import { afterAll, beforeAll, describe, inject } from 'vitest'
import { createCopy, dropDatabase } from './admin.js'
import { integrationTestsSkipped } from './provided.js'

/** A database with pgmq that nobody else uses. */
export interface TestDatabase {
  readonly url: string
  readonly name: string
  /** Removes the database, whoever is still connected. May be called again. */
  readonly drop: () => Promise<void>
}

/** `describe`, but skipped under `SKIP_INTEGRATION_TESTS=true`; the global setup prints the reason. */
export const describeDatabase: ReturnType<typeof describe.skipIf> = describe.skipIf(integrationTestsSkipped())

/** Creates an empty database with pgmq, as a copy of the run's template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = inject('pgmqTestServer')
  if (server === undefined) {
    throw new Error(
      integrationTestsSkipped()
        ? 'there is no test database since SKIP_INTEGRATION_TESTS=true: wrap the suite in describeDatabase'
        : "there is no test server: add globalSetup: ['@pgmq/test-database/setup'] to the package's vitest.config.ts",
    )
  }
  const { url, name } = await createCopy(server)
  return { url, name, drop: () => dropDatabase(server.url, name) }
}

/**
 * A database for the tests of the suite (or file) that this is called in: created before the first, dropped after the last.
 *
 * @example
 * describeDatabase('send', () => {
 *   const database = useTestDatabase()
 *   it('returns an id', async () => { const client = new pg.Client(database.url) … })
 * })
 */
export function useTestDatabase(): { readonly url: string; readonly name: string } {
  let database: TestDatabase | undefined
  const current = (): TestDatabase => {
    if (database === undefined)
      throw new Error('the test database exists only while tests and their hooks run: read it inside of them')
    return database
  }
  beforeAll(async () => {
    if (!integrationTestsSkipped()) database = await createTestDatabase()
  })
  afterAll(async () => {
    await database?.drop()
    database = undefined
  })
  return {
    get url() {
      return current().url
    },
    get name() {
      return current().name
    },
  }
}
