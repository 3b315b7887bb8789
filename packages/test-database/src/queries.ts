import pg from 'pg'

/** One statement on a connection of its own. */
export async function query<Row extends object = Record<string, string>>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query<Row>(text, [...values])).rows
  } finally {
    await client.end()
  }
}

/** How many rows a table has; neither name nor condition may come from outside. */
export async function countOf(url: string, table: string, where = 'true'): Promise<number> {
  const [row] = await query(url, `select count(*) n from ${table} where ${where}`)
  return Number(row?.n)
}
