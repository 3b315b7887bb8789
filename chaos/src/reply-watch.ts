/** Type byte and length, before each message: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const HEAD = 5
/** From these on the statement has run: BindComplete, DataRow, CommandComplete, ErrorResponse, EmptyQueryResponse. */
const OF_THE_RUN = new Set([...'2DCEI'].map((type) => type.charCodeAt(0)))
const READY = 'Z'.charCodeAt(0)

/** Reads a server's reply: what comes before the statement ran still passes, the rest is kept, and its end is noticed. */
export class ReplyWatch {
  #unread: Buffer = Buffer.alloc(0)
  #ran = false

  /** `over`: the server is done with the statement, committed included. */
  read(data: Buffer): { readonly pass: Buffer; readonly over: boolean } {
    this.#unread = Buffer.concat([this.#unread, data])
    const pass: Buffer[] = []
    for (;;) {
      if (this.#unread.length < HEAD) break
      const length = 1 + this.#unread.readUInt32BE(1)
      if (this.#unread.length < length) break
      const message = this.#unread.subarray(0, length)
      this.#unread = this.#unread.subarray(length)
      const type = message[0] as number
      this.#ran ||= OF_THE_RUN.has(type)
      if (this.#ran && type === READY) return { pass: Buffer.concat(pass), over: true }
      if (!this.#ran) pass.push(message)
    }
    return { pass: Buffer.concat(pass), over: false }
  }
}
