import { type SQL, sql } from 'drizzle-orm'

/** A text with `$1` … in their order, as Drizzle has it. */
export function bound(text: string, params: readonly unknown[]): SQL {
  const parts = text
    .split(/\$\d+/)
    .map((part, i) => (i < params.length ? sql`${sql.raw(part)}${params[i]}` : sql.raw(part)))
  return sql.join(parts)
}
