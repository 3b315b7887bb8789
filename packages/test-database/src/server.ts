import type { PostgresVersion } from '@pgmq/embedded'

/** A server for one vitest run. */
export interface TestServer {
  readonly url: string
  /** What it is, for people. */
  readonly description: string
  stop(): Promise<void>
}

const IMAGE = 'ghcr.io/pgmq/pg18-pgmq:v1.11.1'
/** What waits for a deadlock to be found would wait for a second. */
const SETTINGS = { max_connections: 200, deadlock_timeout: '100ms' }

/** The server named by DATABASE_URL, else one in a container, else one from npm packages, of a version if one is asked for. */
export async function obtainServer(databaseUrl: string | undefined, version?: PostgresVersion): Promise<TestServer> {
  if (databaseUrl) return given(databaseUrl)
  if (version !== undefined) return embedded(version)
  return (await hasContainerEngine()) ? container() : embedded(18)
}

function given(url: string): TestServer {
  const { host, pathname } = new URL(url)
  return { url, description: `DATABASE_URL (${host}${pathname})`, stop: async () => {} }
}

/** The import takes half a second, the answer a millisecond. */
async function hasContainerEngine(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import('testcontainers')
  return getContainerRuntimeClient().then(
    () => true,
    () => false,
  )
}

async function container(): Promise<TestServer> {
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
  const settings = Object.entries({ ...SETTINGS, fsync: 'off' })
  const postgres = await new PostgreSqlContainer(IMAGE)
    .withCommand(['postgres', ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])])
    .start()
  return {
    url: postgres.getConnectionUri(),
    description: `a container of ${IMAGE}`,
    stop: async () => void (await postgres.stop()),
  }
}

async function embedded(version: PostgresVersion): Promise<TestServer> {
  const { startPostgres } = await import('@pgmq/embedded')
  const postgres = await startPostgres({ version, durable: false, settings: SETTINGS })
  return {
    url: postgres.url,
    description: `@pgmq/embedded (PostgreSQL ${postgres.version}, pid ${postgres.pid})`,
    stop: () => postgres.stop({ mode: 'immediate' }),
  }
}
