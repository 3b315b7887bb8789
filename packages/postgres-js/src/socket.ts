import type { Options } from './connection-types.js'

/** A socket of Node's, or whatever the user's option `socket` makes. */
export interface Socket {
  destroy(): void
  ref?(): void
  unref?(): void
}

/**
 * A socket of our own making: `postgres` gives none of its own away, and without one a connection can neither be cut nor
 * kept from holding the process.
 */
export async function dial(options: Options, at: number, onSocket: (socket: Socket) => void): Promise<Socket> {
  if (options.socket) {
    const made = (await options.socket(options)) as Socket
    onSocket(made)
    return made
  }
  const { connect } = await import('node:net')
  const { path, host: hosts, port: ports } = options
  const host = hosts[at]
  const port = ports[at]
  const socket = path ? connect(path) : connect(Number(port), host)
  // For the certificate's name.
  onSocket(Object.assign(socket, path ? {} : { host, port }))
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject).once('close', reject)
  })
  socket.removeAllListeners()
  return socket
}
