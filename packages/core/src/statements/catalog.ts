import { deadLetterQueue, type QueueName } from '../queue-name.js'
import { archiveTable, type QueueShape, queueTable, type Statement } from './parts.js'

/** What there is of a queue. Looks without a lock and fails on nothing. */
export interface CatalogEntry {
  readonly database: string
  /** Is there a schema `pgmq`? */
  readonly installed: boolean
  readonly queue: boolean
  readonly deadLetterQueue: boolean
  readonly shape: QueueShape
  /** Policies decide which of its rows this role sees. */
  readonly rowSecurity: boolean
  /** False for a table that the current transaction made itself, which a rollback would take away. */
  readonly committed: boolean
}

export function catalog(queue: QueueName): Statement<CatalogEntry> {
  // Of each table that is there. A transaction's snapshot may be older than both, and see no columns: then those of a new one.
  const has = (
    column: string,
  ): string => `(select count(*) filter (where attname = '${column}') = count(distinct attrelid)
    from pg_catalog.pg_attribute where attrelid in (q, a) and not attisdropped)::text`
  return {
    text: `select current_database()::text "database", (to_regnamespace('pgmq') is not null)::text installed,
  (q is not null)::text queue, (d is not null)::text letters, ${has('headers')} headers, ${has('last_read_at')} last_read_at,
  coalesce(row_security_active(q), false)::text security,
  coalesce((select age(xmin) > 0 from pg_catalog.pg_class where oid = q), false)::text committed
from (select to_regclass($1::text) q, to_regclass($2::text) a, to_regclass($3::text) d) t`,
    params: [queueTable(queue), archiveTable(queue), queueTable(deadLetterQueue(queue))],
    looks: true,
    decode([row]) {
      const is = (column: string): boolean => row?.[column] === 'true'
      return {
        database: row?.database ?? '',
        installed: is('installed'),
        queue: is('queue'),
        deadLetterQueue: is('letters'),
        shape: { ...queue, headers: is('headers'), lastReadAt: is('last_read_at') },
        rowSecurity: is('security'),
        committed: is('committed'),
      }
    },
  }
}

/** Who asks: for the remedy in an error. */
export function currentRole(): Statement<string> {
  return {
    text: `select quote_ident(current_user)::text "role"`,
    params: [],
    decode: ([row]) => row?.role ?? 'your_role',
  }
}

/** May the role write to a queue? */
export function mayInsert(queue: QueueName): Statement<{ readonly role: string; readonly allowed: boolean }> {
  return {
    text: `select quote_ident(current_user)::text "role", has_table_privilege($1::text, 'insert')::text allowed`,
    params: [queueTable(queue)],
    decode: ([row]) => ({ role: row?.role ?? 'your_role', allowed: row?.allowed === 'true' }),
  }
}
