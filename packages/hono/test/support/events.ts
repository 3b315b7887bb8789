import { type ClientRequest, get, type IncomingMessage } from 'node:http'

export interface Events {
  readonly status: number
  readonly headers: { get(name: string): string | undefined }
  /** The next event. */
  readonly next: () => Promise<{ readonly event: string | undefined; readonly data: unknown }>
  /** Destroys the connection. */
  readonly close: () => void
}

/** Opens a stream of server-sent events, over a connection of its own. */
export async function openEvents(url: string): Promise<Events> {
  const [request, response] = await respond(url)
  const blocks = blocksOf(response)
  return {
    status: response.statusCode ?? 0,
    headers: { get: (name) => response.headers[name.toLowerCase()]?.toString() },
    next: async () => {
      const { value, done } = await blocks.next()
      if (done) throw new Error('the stream of events has ended')
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(value)?.[1]
      return { event: field('event'), data: JSON.parse(field('data') ?? 'null') }
    },
    close: () => request.destroy(),
  }
}

function respond(url: string): Promise<[ClientRequest, IncomingMessage]> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, (response) => {
      response.on('error', () => {}) // what `close` does to it
      resolve([request, response])
    })
    request.on('error', reject)
  })
}

async function* blocksOf(response: IncomingMessage): AsyncGenerator<string, undefined> {
  let text = ''
  for await (const chunk of response) {
    text += String(chunk)
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield text.slice(0, end)
      text = text.slice(end + 2)
    }
  }
  return undefined
}
