import type { Options } from './connection-types.js'
import { ignore } from './hang-up.js'

/** What a connection of our own has to say to us. */
export interface Hooks {
  readonly socket: () => Promise<unknown>
  readonly onclose: () => void
  readonly onnotify: (channel: string) => void
  /** The user's password function has failed. */
  readonly onPassFailure: (why: unknown) => void
}

/** What `postgres` has where the user gave none, which is longer than a worker can be away. */
const DEFAULT_CONNECT_SECONDS = 30
const CONNECT_SECONDS = 10

export function connectMs({ connect_timeout: seconds }: Options): number {
  return (seconds === DEFAULT_CONNECT_SECONDS ? CONNECT_SECONDS : seconds) * 1000
}

/** The user's settings, but text in, text out, and a single session that nothing ends but us. */
export function settings(options: Options, { onPassFailure, ...hooks }: Hooks): object {
  const { pass, connection, onnotice } = options
  const { application_name: name } = connection
  return {
    ...options,
    ...hooks,
    max: 1,
    types: {},
    parsers: {},
    serializers: {},
    transform: { column: {}, value: {}, row: {} },
    // What `postgres` shares among connections, and knows parsed options by.
    shared: { retries: 0, typeArrayMap: {} },
    parameters: {},
    fetch_types: false,
    idle_timeout: null,
    max_lifetime: null,
    no_subscribe: true,
    onparameter: undefined,
    // Without one it prints them.
    onnotice: onnotice ?? ignore,
    connection: { ...connection, application_name: name === 'postgres.js' ? 'pgmq' : name },
    pass: typeof pass === 'function' ? askFor(pass as () => unknown, onPassFailure) : pass,
  }
}

/** A password function that throws would end the process: `postgres` does not wait for it. */
function askFor(pass: () => unknown, onFailure: (why: unknown) => void): () => Promise<unknown> {
  return async () => {
    try {
      return await pass()
    } catch (error) {
      onFailure(error)
      return new Promise(ignore)
    }
  }
}
