import pg from 'pg'

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

export async function countOf(url: string, table: string): Promise<number> {
  const [row] = await query(url, `select count(*) n from ${table}`)
  return Number(row?.n)
}
