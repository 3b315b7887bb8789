import net from 'node:net'
import { until } from './until.js'

/** The server that had this port before may be on its way out: see the grace for data directories. */
const PREVIOUS_SERVER_GRACE_MS = 2000
const POLL_INTERVAL_MS = 50

const HOST = '127.0.0.1'

export async function freePort(): Promise<number> {
  // ESM only: a dynamic import works from the CommonJS build, too.
  const { default: getPort } = await import('get-port')
  return getPort({ host: HOST })
}

/** Waits for a moment for a port to become free, and throws when it does not. */
export async function requireFreePort(port: number): Promise<void> {
  if (!(await until(() => isFree(port), PREVIOUS_SERVER_GRACE_MS, POLL_INTERVAL_MS))) throw new Error(portInUse(port))
}

export function portInUse(port: number): string {
  return `port ${port} on ${HOST} is in use. Stop what listens there, choose another port, or leave it out for a free one.`
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(new Error(`port ${port} on ${HOST} cannot be used: ${error.message}`, { cause: error }))
    })
    probe.listen(port, HOST, () => probe.close(() => resolve(true)))
  })
}
