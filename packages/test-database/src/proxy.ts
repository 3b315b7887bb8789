import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy before the server, on which the network can be made to fail. */
export interface Proxy extends AsyncDisposable {
  /** The connection string that leads through it. */
  readonly url: string
  readonly connections: number
  /** Resets every connection that is open. */
  cut(): void
  /** From now on nothing comes through, on old connections and new ones, and nobody is told. */
  freeze(): void
  /** For new connections: those before stay as they are. */
  thaw(): void
}

export interface ProxyOptions {
  /** Changes what the server says to one client. */
  readonly reply?: () => (chunk: Buffer) => Buffer
  /** @defaultValue any that is free */
  readonly port?: number
}

export async function startProxy(target: string, { reply, port: ownPort = 0 }: ProxyOptions = {}): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let frozen = false
  const deaf = new WeakSet<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    const change = reply?.() ?? ((chunk) => chunk)
    for (const [from, to, via] of [
      [client, upstream, (chunk: Buffer) => chunk],
      [upstream, client, change],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => {
        if (frozen) deaf.add(from).add(to)
        else if (!deaf.has(from)) to.write(via(chunk))
      })
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        if (!frozen && !deaf.has(from)) to.destroy()
      })
    }
  })
  server.listen(ownPort, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: through(target, (server.address() as AddressInfo).port),
    get connections() {
      return sockets.size / 2
    },
    cut() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    freeze() {
      frozen = true
      for (const socket of sockets) deaf.add(socket)
    },
    thaw() {
      frozen = false
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function through(target: string, port: number): string {
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return url.href
}

/**
 * What a pooler in transaction mode looks like to a listener: the process id is not the server's, and notifications
 * (messages of type A) do not come through.
 */
export function deafPooler(): (chunk: Buffer) => Buffer {
  return messages((type, message) => {
    if (type === 'A') return null
    if (type === 'K') message.writeUInt32BE(4_000_000, 5)
    return message
  })
}

/** A pooler in session mode: only the process id is its own. */
export function sessionPooler(): (chunk: Buffer) => Buffer {
  return messages((type, message) => {
    if (type === 'K') message.writeUInt32BE(4_000_000, 5)
    return message
  })
}

function messages(change: (type: string, message: Buffer) => Buffer | null): (chunk: Buffer) => Buffer {
  let rest = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const out: Buffer[] = []
    while (rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
      const length = rest.readUInt32BE(1) + 1
      const message = change(String.fromCharCode(rest[0] as number), Buffer.from(rest.subarray(0, length)))
      if (message) out.push(message)
      rest = rest.subarray(length)
    }
    return Buffer.concat(out)
  }
}
