import postgres from 'postgres'

export type Sql = postgres.Sql
export type Settings = postgres.Options<Record<string, postgres.PostgresType>>

/** A user's pool, without the notices that `postgres` prints. */
export function quietSql(url: string, options: Settings = {}): Sql {
  return postgres(url, { onnotice: () => {}, ...options }) as Sql
}
