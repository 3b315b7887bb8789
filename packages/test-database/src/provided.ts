// The augmentation below is one only where the module itself is loaded.
// eslint-disable-next-line import-x/no-extraneous-dependencies -- the root's, see tsup.config.ts
import type {} from 'vitest'

/** What the global setup tells the test files: nothing when database tests are skipped. */
export interface ProvidedServer {
  /** Connection string of a user that may create databases. */
  readonly url: string
  /** Name of a database with pgmq that every test database is a copy of. Nobody may connect to it. */
  readonly template: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    readonly pgmqTestServer: ProvidedServer | undefined
  }
}

export function integrationTestsSkipped(): boolean {
  return process.env.SKIP_INTEGRATION_TESTS === 'true'
}
