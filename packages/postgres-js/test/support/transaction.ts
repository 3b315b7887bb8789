import type postgres from 'postgres'

export interface Begun {
  readonly tx: postgres.TransactionSql
  /** Commits; resolves to what `sql.begin` rejected with, if it did. */
  end(): Promise<unknown>
}

/** A transaction that outlives its callback. */
export async function begin(sql: postgres.Sql): Promise<Begun> {
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  let over: Promise<unknown> = Promise.resolve()
  const tx = await new Promise<postgres.TransactionSql>((resolve, reject) => {
    over = sql
      .begin(async (begun) => {
        resolve(begun)
        await ended
      })
      .catch((error: Error) => {
        reject(error)
        return error
      })
  })
  return {
    tx,
    end() {
      end()
      return over
    },
  }
}
