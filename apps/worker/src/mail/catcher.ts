import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { SMTPServer, type SMTPServerAddress, type SMTPServerSession } from 'smtp-server'
import { type Refusal, refusalOf } from './refusals.js'

/** An SMTP server on this machine that takes mails and keeps them to itself. */
export interface Catcher {
  readonly url: string
  /** Mails taken, by address. */
  readonly delivered: ReadonlyMap<string, number>
  close(): Promise<void>
}

export interface CatcherOptions {
  /** @defaultValue some addresses for a while and some for good, see {@link refusalOf} */
  readonly refusal?: (address: string, earlier: number) => Refusal | undefined
  /** Sees each mail before it is taken, which waits for it. */
  readonly onMail?: (address: string, raw: Buffer) => void | Promise<void>
}

export async function startCatcher(options: CatcherOptions = {}): Promise<Catcher> {
  const { refusal = refusalOf, onMail } = options
  const offered = new Map<string, number>()
  const delivered = new Map<string, number>()

  function offer({ address }: SMTPServerAddress): Error | undefined {
    const earlier = offered.get(address) ?? 0
    offered.set(address, earlier + 1)
    const refused = refusal(address, earlier)
    return refused && Object.assign(new Error(refused.text), { responseCode: refused.code })
  }
  async function take(mail: Promise<Buffer>, { envelope }: SMTPServerSession): Promise<void> {
    const raw = await mail
    for (const { address } of envelope.rcptTo) {
      await onMail?.(address, raw)
      delivered.set(address, (delivered.get(address) ?? 0) + 1)
    }
  }
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    onRcptTo: (address, _session, callback) => callback(offer(address)),
    onData: (stream, session, callback) => void take(buffer(stream), session).then(() => callback(), callback),
  })
  // A client that hangs up in the middle is its own affair.
  server.on('error', () => {})
  const listener = server.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  return { url: `smtp://127.0.0.1:${port}`, delivered, close: () => new Promise((resolve) => server.close(resolve)) }
}
