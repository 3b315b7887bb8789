export type { PostgresVersion, StartPostgresOptions, StopMode } from './options.js'
export { type EmbeddedPostgres, startPostgres } from './start-postgres.js'
