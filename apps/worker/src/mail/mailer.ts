import { PermanentError } from '@pgmq/node-pg'
import { createTransport } from 'nodemailer'
import { Failure, textOf } from '../failure.js'
import type { Mail } from './welcome-mail.js'

/** Delivers mails over SMTP, on connections that are kept. */
export interface Mailer {
  /**
   * Resolves to the server's reply.
   *
   * @throws PermanentError when the server refuses this mail for good; anything else may pass
   */
  send(mail: Mail, signal: AbortSignal): Promise<string>
  /** @throws Failure when there is no server that would take mails from here */
  verify(): Promise<void>
  close(): void
}

export interface MailerOptions {
  readonly url: string
  /** An address, perhaps with a name: `Example <welcome@example.com>`. */
  readonly from: string
  readonly maxConnections: number
}

const CONNECT_MS = 10_000
const SILENCE_MS = 30_000

/** The commands that are about one mail; a refusal of any other one is about us. */
const ABOUT_THE_MAIL: readonly string[] = ['MAIL FROM', 'RCPT TO', 'DATA']

export function createMailer({ url, from, maxConnections }: MailerOptions): Mailer {
  const transport = createTransport(
    {
      url,
      pool: true,
      maxConnections,
      maxMessages: 1_000,
      // Sending again is the queue's to decide, which counts.
      maxRequeues: 0,
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from, headers: { 'Auto-Submitted': 'auto-generated' } },
  )
  return {
    async send(mail, signal) {
      try {
        return (await transport.sendMail({ ...mail, signal })).response
      } catch (error) {
        throw signal.aborted ? signal.reason : verdictOf(error)
      }
    },
    async verify() {
      try {
        await transport.verify()
      } catch (error) {
        throw new Failure(
          `cannot send mail by ${serverOf(url)}: ${textOf(error)}. Check SMTP_URL; without it a server that catches every mail starts by itself`,
          { cause: error },
        )
      }
    },
    close: () => transport.close(),
  }
}

/** Host and port of a URL, which may hold a password. */
export function serverOf(url: string): string {
  const { protocol, hostname, port } = new URL(url)
  return `${hostname}:${port || (protocol === 'smtps:' ? 465 : 587)}`
}

/** The reply itself is the error's text: what a server says, and nothing about how we asked, tells two refusals apart. */
function verdictOf(error: unknown): Error {
  const { response, responseCode, command } = error as {
    readonly response?: string
    readonly responseCode?: number
    readonly command?: string
  }
  if (response === undefined || responseCode === undefined)
    return error instanceof Error ? error : new Error(textOf(error))
  const final = responseCode >= 500 && ABOUT_THE_MAIL.includes(command ?? '')
  return final ? new PermanentError(response, { cause: error }) : new Error(response, { cause: error })
}
