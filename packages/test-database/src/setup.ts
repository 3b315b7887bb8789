import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { PostgresVersion } from '@pgmq/embedded'
// eslint-disable-next-line import-x/no-extraneous-dependencies -- the root's, see tsup.config.ts
import type { TestProject } from 'vitest/node'
import { createTemplate, dropDatabase } from './admin.js'
import { integrationTestsSkipped, type ProvidedServer } from './provided.js'
import { obtainServer } from './server.js'

/** Vitest's global setup: one server for the whole run. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (integrationTestsSkipped()) {
    project.provide('pgmqTestServer', undefined)
    console.log('SKIP_INTEGRATION_TESTS=true: the tests that need a database are skipped')
    return undefined
  }
  const { DATABASE_URL, PGMQ_TEST_POSTGRES, PGMQ_TEST_INSTALL, PGMQ_TEST_RESHAPE } = process.env
  const version = PGMQ_TEST_POSTGRES ? (Number(PGMQ_TEST_POSTGRES) as PostgresVersion) : undefined
  const server = await obtainServer(DATABASE_URL, version)
  let provided: ProvidedServer
  try {
    const reshape = PGMQ_TEST_RESHAPE?.split(path.delimiter).map((file) => readFileSync(file, 'utf8'))
    provided = await createTemplate(server.url, { sqlOnly: PGMQ_TEST_INSTALL === 'sql', reshape: reshape?.join('\n') })
  } catch (error) {
    await server.stop()
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(
      `${server.description} cannot be used for tests, which need to create databases with pgmq: ${reason}`,
      {
        cause: error,
      },
    )
  }
  project.provide('pgmqTestServer', provided)
  console.log(`database tests run on ${server.description}`)
  return async () => {
    await dropDatabase(server.url, provided.template)
    await server.stop()
  }
}
