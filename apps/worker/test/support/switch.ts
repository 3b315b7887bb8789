import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach } from 'vitest'

/** A way to a server that can be cut and opened again: behind the same port, once refused and once served. */
export interface Switch {
  readonly url: string
  cut(): Promise<void>
  open(): Promise<void>
}

const opened: Switch[] = []
afterEach(async () => {
  for (const each of opened.splice(0)) await each.cut()
})

export async function startSwitch(to: string): Promise<Switch> {
  const target = new URL(to)
  const sockets = new Set<Socket>()
  const server = createServer((inward) => {
    const outward = connect(Number(target.port), target.hostname)
    for (const socket of [inward, outward]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        inward.destroy()
        outward.destroy()
      })
    }
    inward.pipe(outward).pipe(inward)
  })
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const way: Switch = {
    url: `${target.protocol}//127.0.0.1:${port}`,
    open: () => listen(port),
    cut: async () => {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
  opened.push(way)
  return way
}
