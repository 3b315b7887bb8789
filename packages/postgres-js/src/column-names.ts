import type { Connection, Query } from './connection-types.js'

/** As they were asked for, in their order. */
export type ColumnNames = (connection: Connection, text: string, query: Query) => Promise<readonly string[]>

export const asTheyAre: ColumnNames = async (_connection, _text, query) => namesOf(query.statement)

/**
 * `transform.column` has its way with every name before anybody else sees it, and a transaction does not tell whether
 * there is one. So a name that is not in the statement's text is looked for in what the connection makes of the names
 * that are: once for each text.
 */
export function untransformed(): ColumnNames {
  const known = new Map<string, readonly string[]>()
  return async (connection, text, query) => {
    const given = namesOf(query.statement)
    let names = known.get(text)
    if (names?.length !== given.length) {
      names = await lookUp(connection, text, given)
      known.set(text, names)
    }
    return names
  }
}

async function lookUp(connection: Connection, text: string, given: readonly string[]): Promise<readonly string[]> {
  const words = new Set(['?column?'])
  for (const [word, quoted] of text.matchAll(/"((?:[^"]|"")+)"|[\p{L}_][\p{L}\d_$]*/gu)) {
    words.add(quoted?.replaceAll('""', '"') ?? word.toLowerCase())
  }
  if (given.every((name) => words.has(name))) return given
  const asked = [...words]
  const list = asked.map((word) => `null as "${word.replaceAll('"', '""')}"`)
  const made = namesOf(await connection.unsafe(`select ${list.join()} limit 0`, [], { simple: false }))
  return given.map((name) => asked[made.indexOf(name)] ?? name)
}

function namesOf({
  columns = [],
}: {
  readonly columns?: readonly { readonly name: string }[] | undefined
}): readonly string[] {
  return columns.map(({ name }) => name)
}
