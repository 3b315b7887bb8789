/** What the driver over Bun's SQL uses of it, as @types/bun has it in full. */
declare module 'bun' {
  interface Rows extends ReadonlyArray<readonly (Uint8Array | null)[]> {
    readonly columns: readonly { readonly name: string }[]
  }
  interface Query<T> extends Promise<T> {
    raw(): Query<Rows>
    cancel(): void
  }
  interface Connection {
    readonly unsafe: (text: string, params?: readonly unknown[]) => Query<readonly Record<string, unknown>[]>
    close(options?: { readonly timeout?: number }): Promise<void>
  }
  export interface ReservedSQL extends Connection {
    release(): void
  }
  export interface TransactionSQL extends Connection {
    savepoint<T>(work: (transaction: TransactionSQL) => Promise<T>): Promise<T>
  }
  interface Options {
    readonly url?: string
    readonly max?: number
    readonly prepare?: boolean
    readonly onclose?: (error: Error | null) => void
  }
  export class SQL implements Connection {
    constructor(options: Options)
    readonly options: Options
    readonly unsafe: Connection['unsafe']
    close(options?: { readonly timeout?: number }): Promise<void>
    reserve(): Promise<ReservedSQL>
    begin<T>(options: string, work: (transaction: TransactionSQL) => Promise<T>): Promise<T>
    listen(
      channel: string,
      onNotify: () => void,
      onListen: () => void,
    ): Promise<{ readonly unlisten: () => Promise<void> }>
  }
}
