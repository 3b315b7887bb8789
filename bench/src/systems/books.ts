import { Pool } from 'pg'

/** Counts rows, on a connection that is opened when somebody asks. */
export class Books {
  readonly #pool: Pool

  constructor(url: string) {
    this.#pool = new Pool({ connectionString: url, max: 1 })
  }

  async count(table: string, where = 'true'): Promise<number> {
    const { rows } = await this.#pool.query<{ n: string }>(`select count(*) n from ${table} where ${where}`)
    return Number(rows[0]?.n)
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}
