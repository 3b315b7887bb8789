import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { ReplyWatch } from './reply-watch.js'

interface Pair {
  readonly client: Socket
  readonly server: Socket
  /** Nothing passes any more, and neither end is told. */
  silent: boolean
  /** Set once a statement that is to lose its reply has passed. */
  reply: ReplyWatch | null
}

/** A TCP proxy before PostgreSQL that fails as networks fail. */
export class TcpProxy {
  readonly port: number
  readonly #listener: Server
  readonly #pairs = new Set<Pair>()
  #target: number
  #silent = false
  #cuts: { readonly match: RegExp; left: number } | null = null
  /** Replies that were lost. */
  cut = 0

  private constructor(listener: Server, target: number) {
    this.#listener = listener
    this.#target = target
    this.port = (listener.address() as AddressInfo).port
    listener.on('connection', (client) => this.#accept(client))
  }

  static async listen(target: number): Promise<TcpProxy> {
    const listener = createServer().listen(0, '127.0.0.1')
    await once(listener, 'listening')
    return new TcpProxy(listener, target)
  }

  /** Where new connections lead. */
  follow(target: number): void {
    this.#target = target
  }

  /** Connections stay open, new ones are accepted, and nothing is said any more. */
  goSilent(): void {
    this.#silent = true
    for (const pair of this.#pairs) pair.silent = true
  }

  /** New connections work. Those that fell silent stay so, as after a firewall that forgot them. */
  speakAgain(): void {
    this.#silent = false
  }

  /** Of the next `times` statements that match, the server's reply is lost, and the connection with it. */
  cutAfter(match: RegExp, times: number): void {
    this.#cuts = { match, left: times }
  }

  get cutsLeft(): number {
    return this.#cuts?.left ?? 0
  }

  dropAll(): void {
    for (const pair of this.#pairs) this.#drop(pair)
  }

  async close(): Promise<void> {
    this.#listener.close()
    this.dropAll()
  }

  #accept(client: Socket): void {
    const pair: Pair = { client, server: connect(this.#target, '127.0.0.1'), silent: this.#silent, reply: null }
    this.#pairs.add(pair)
    for (const socket of [client, pair.server]) {
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        if (!pair.silent) this.#drop(pair)
      })
    }
    client.on('data', (data: Buffer) => this.#fromClient(pair, data))
    pair.server.on('data', (data: Buffer) => this.#fromServer(pair, data))
  }

  #fromClient(pair: Pair, data: Buffer): void {
    if (pair.silent) return
    if (this.#cuts && this.#cuts.left > 0 && !pair.reply && this.#cuts.match.test(data.toString('latin1'))) {
      this.#cuts.left--
      pair.reply = new ReplyWatch()
    }
    pair.server.write(data)
  }

  #fromServer(pair: Pair, data: Buffer): void {
    if (pair.silent) return
    if (!pair.reply) return void pair.client.write(data)
    const { pass, over } = pair.reply.read(data)
    if (pass.length > 0) pair.client.write(pass)
    if (!over) return
    this.cut++
    this.#drop(pair)
  }

  #drop(pair: Pair): void {
    this.#pairs.delete(pair)
    pair.client.destroy()
    pair.server.destroy()
  }
}
