import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach } from 'vitest'

const servers: (() => void)[] = []
afterEach(() => {
  for (const close of servers.splice(0)) close()
})

/** Speaks just enough of the protocol to refuse every login; the server that tests run on may trust everybody. */
export async function startRefusingPostgres(sqlState: string, message: string): Promise<{ readonly port: number }> {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${sqlState}\0M${message}\0\0`)
  const reply = Buffer.concat([Buffer.from('E'), Buffer.alloc(4), fields])
  reply.writeUInt32BE(fields.length + 4, 1)
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(reply))
  })
  return await listen(server)
}

export interface SilentPostgres {
  readonly port: number
  readonly clients: ReadonlySet<Socket>
}

/** Takes connections and says nothing. */
export async function startSilentPostgres(): Promise<SilentPostgres> {
  const clients = new Set<Socket>()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    clients.add(socket)
  })
  servers.push(() => {
    for (const client of clients) client.destroy()
  })
  return { ...(await listen(server)), clients }
}

async function listen(server: Server): Promise<{ readonly port: number }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push(() => server.close())
  return { port: (server.address() as AddressInfo).port }
}
