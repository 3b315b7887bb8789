import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
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
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push(() => server.close())
  return { port: (server.address() as AddressInfo).port }
}
