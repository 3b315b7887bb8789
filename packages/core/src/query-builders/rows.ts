import type { SqlRow } from '../driver.js'
import { connectionError, isObject } from './errors.js'

/** Double-quoted, or bare: what may name a column. */
const WORD = /"((?:[^"]|"")+)"|[\p{L}_][\p{L}\d_$]*/gu

/**
 * The rows of a result, under the names that the statement's text has, as text. The database is configured by its user:
 * what a setting does to names is undone, what it does to values is refused, since nobody can tell what they were.
 */
export function rowsOf(result: unknown, text: string): readonly SqlRow[] {
  const rows = isObject(result) && !Array.isArray(result) ? result.rows : result
  if (!Array.isArray(rows)) throw altered('the result has no rows')
  const nameOf = rows.length > 0 ? namesIn(text) : undefined
  return rows.map((row: unknown): SqlRow => {
    if (!isObject(row) || Array.isArray(row)) throw altered('a row is no object')
    const entries = Object.entries(row).map(([key, value]) => [nameOf?.(key) ?? key, textIn(key, value)] as const)
    return Object.fromEntries(entries)
  })
}

/** Every name of a statement's columns is a word of its text; one that is not was made from one: `lastReadAt`, `LAST_READ_AT`. */
function namesIn(text: string): (key: string) => string {
  const words = new Set(['?column?'])
  for (const [word, quoted] of text.matchAll(WORD)) words.add(quoted?.replaceAll('""', '"') ?? word.toLowerCase())
  const known = new Map<string, string>()
  return (key) => {
    const name = words.has(key) ? key : (known.get(key) ?? originOf(key, words))
    known.set(key, name)
    return name
  }
}

function originOf(key: string, words: ReadonlySet<string>): string {
  const origins = [...words].filter((word) => fold(word) === fold(key))
  const [origin] = origins
  if (origin === undefined || origins.length > 1) throw altered(`a column came as ${JSON.stringify(key)}`)
  return origin
}

const fold = (name: string): string => name.replace(/[^\p{L}\d]/gu, '').toLowerCase()

function textIn(column: string, value: unknown): string | null {
  if (typeof value === 'string') return value
  // Some turn every null into undefined.
  if (value === null || value === undefined) return null
  throw altered(`column ${JSON.stringify(column)} came as ${typeof value} instead of text`)
}

/** The statement has run, so its transaction must not commit as if all were well. */
function altered(what: string): Error {
  return connectionError(
    `${what}: a type parser for text, a plugin or a transform of your database changes it. Take it off, or give jobs a database object without it`,
    true,
  )
}
