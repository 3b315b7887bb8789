import pg from 'pg'
import { codeOf, Failure, textOf } from '../failure.js'

/** As `pg` takes them. */
export interface ConnectionSettings {
  readonly connectionString?: string
  readonly host?: string
  readonly port?: number
  readonly database?: string
  readonly user?: string
  readonly password?: string
}

/** A server as people speak of it: without its password. */
export interface ServerName {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** @throws Failure, never with a value that may hold a password */
export function connectionOf(env: Environment): ConnectionSettings | undefined {
  const { DATABASE_URL, POSTGRES_SERVER, POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD } = env
  if (DATABASE_URL !== undefined) return { connectionString: checkedUrl(DATABASE_URL) }
  const parts = [POSTGRES_SERVER, POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD]
  if (parts.every((part) => part === undefined)) return undefined
  return {
    host: POSTGRES_SERVER ?? 'localhost',
    port: portOf(POSTGRES_PORT ?? '5432'),
    database: POSTGRES_DB ?? 'postgres',
    user: POSTGRES_USER ?? 'postgres',
    ...(POSTGRES_PASSWORD !== undefined && { password: POSTGRES_PASSWORD }),
  }
}

function checkedUrl(url: string): string {
  if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) return url
  throw new Failure('DATABASE_URL is none: give one such as postgres://user:password@localhost:5432/app')
}

function portOf(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new Failure(`POSTGRES_PORT ${JSON.stringify(text)} is no port: give a whole number from 1 to 65535`)
}

export function createPool(connection: ConnectionSettings, maxConnections: number): pg.Pool {
  const pool = new pg.Pool({
    ...connection,
    max: maxConnections,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    application_name: 'pgmq-app-worker',
  })
  // One that breaks while idle is replaced; without a listener it would end the process.
  pool.on('error', () => {})
  return pool
}

/** @throws Failure when the URL names a file, such as a certificate, that cannot be read */
export function nameOf(connection: ConnectionSettings): ServerName {
  try {
    const { host, port, database, user } = new pg.Client(connection)
    return { host, port, database: database ?? '', user: user ?? '' }
  } catch (error) {
    throw new Failure(
      `DATABASE_URL cannot be used: ${textOf(error)}. Check the files that its sslrootcert, sslcert and sslkey name`,
      { cause: error },
    )
  }
}

export function textOfServer({ host, port, database, user }: ServerName): string {
  return host.startsWith('/') ? `${host}, ${database} as ${user}` : `${host}:${port}/${database} as ${user}`
}

const CHECK = 'Check DATABASE_URL, or POSTGRES_SERVER and the like; without them a server starts by itself'

/** Why a server cannot be used, and what to do about it. */
export function explainConnection(error: unknown, server: ServerName): Failure {
  return new Failure(explanation(error, server), { cause: error })
}

function explanation(error: unknown, { host, port, database, user }: ServerName): string {
  const where = host.startsWith('/') ? host : `${host}:${port}`
  const unreachable = (reason: string): string => `cannot reach PostgreSQL at ${where}: ${reason}. ${CHECK}`
  const byText = (text: string): string =>
    /client password must be a string/.test(text)
      ? `PostgreSQL at ${where} asks user "${user}" for a password. Give it in DATABASE_URL, or POSTGRES_PASSWORD`
      : unreachable(/timeout/i.test(text) ? 'no answer within 10 s' : text)
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return unreachable('connection refused')
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return unreachable('there is no such host')
    case '28P01':
      return `wrong password for user "${user}" of PostgreSQL at ${where}. Check it in DATABASE_URL, or POSTGRES_PASSWORD`
    case '28000':
      return `PostgreSQL at ${where} does not let user "${user}" in: ${textOf(error)}. Check the user, or the server's pg_hba.conf`
    case '3D000':
      return `there is no database "${database}" on PostgreSQL at ${where}. Create it: createdb ${database}`
    case '53300':
      return `PostgreSQL at ${where} has no connection left: ${textOf(error)}. Raise its max_connections, or lower --concurrency`
    default:
      return byText(textOf(error))
  }
}
