import { PermanentError, SnoozeError } from '@pgmq/node-pg'
import { createTransport } from 'nodemailer'
import { Failure, textOf } from '../failure.js'
import { MailOutage } from './outage.js'
import type { Mail } from './welcome-mail.js'

/** Delivers mails over SMTP, on connections that are kept. */
export interface Mailer {
  /**
   * Resolves to the server's reply. `waits`: how often this mail was put off before.
   *
   * @throws PermanentError when the server refuses this mail for good, SnoozeError when it does not answer, which is no
   * fault of the mail's; anything else may pass
   */
  send(mail: Mail, signal: AbortSignal, waits?: number): Promise<string>
  readonly outage: Pick<MailOutage, 'reason' | 'remainingMs'>
  /** @throws Failure when there is no server that would take mails from here */
  verify(): Promise<void>
  close(): void
}

export interface MailerOptions {
  readonly url: string
  /** An address, perhaps with a name: `Example <welcome@example.com>`. */
  readonly from: string
  readonly maxConnections: number
  /** Mails that wait for a server to come back are given up with it. */
  readonly stop: AbortSignal
  /** Called once when the server is away. */
  readonly onAway?: (reason: string) => void
}

const CONNECT_MS = 10_000
const SILENCE_MS = 30_000
const MOST_WAITS = 3

/** The commands that are about one mail; what goes wrong with any other one is about us. */
const ABOUT_THE_MAIL: readonly string[] = ['MAIL FROM', 'RCPT TO', 'DATA']
/** Replies to these that are about us all the same: the service closes (421), or wants another login (530, 535, …). */
const ABOUT_US = /^(421|454|53\d)$/
/** Never sent at all: the mail itself cannot be. */
const UNSENDABLE: readonly string[] = ['EENVELOPE', 'EMESSAGE', 'ESTREAM']

/** As nodemailer tells it. */
interface SmtpError {
  readonly code?: string
  /** Of the system, where `code` is nodemailer's. */
  readonly originalCode?: string
  readonly timeoutType?: string
  readonly command?: string
  readonly response?: string
  readonly responseCode?: number
}

export function createMailer(options: MailerOptions): Mailer {
  const { url, stop, onAway } = options
  const transport = transportOf(options)
  const outage = new MailOutage()
  const waitForServer = async (signal: AbortSignal): Promise<void> => {
    await outage.pause(AbortSignal.any([signal, stop]))
    signal.throwIfAborted()
    if (outage.remainingMs > 0) throw snoozed(outage)
  }
  return {
    outage,
    async send(mail, signal, waits = 0) {
      await waitForServer(signal)
      const startedMs = performance.now()
      try {
        const { response } = await transport.sendMail({ ...mail, signal })
        outage.answered()
        return response
      } catch (error) {
        if (signal.aborted) throw signal.reason
        if (isAboutTheMail(error as SmtpError)) {
          outage.answered()
          throw verdictOf(error)
        }
        // A mail that makes the server hang up each time, while it takes others, must not be tried for ever.
        const culprit = waits >= MOST_WAITS && isCutOff(error as SmtpError) && outage.hasAnsweredSince(startedMs)
        if (culprit) throw verdictOf(error)
        if (outage.reason === undefined) onAway?.(textOf(error))
        outage.failed(textOf(error), startedMs)
        throw snoozed(outage)
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

function transportOf({ url, from, maxConnections }: MailerOptions) {
  return createTransport(
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
}

function snoozed({ reason, remainingMs }: MailOutage): SnoozeError {
  return new SnoozeError(`the mail server does not answer: ${reason}`, { delaySeconds: remainingMs / 1_000 })
}

function isAboutTheMail({ code = '', command = '', responseCode }: SmtpError): boolean {
  if (responseCode === undefined) return UNSENDABLE.includes(code)
  return ABOUT_THE_MAIL.includes(command) && !ABOUT_US.test(String(responseCode))
}

/** The connection was there, and broke or fell silent. */
function isCutOff({ code = '', originalCode = code, timeoutType, response }: SmtpError): boolean {
  if (response !== undefined) return false
  return timeoutType === 'SOCKET_TIMEOUT' || /^(ECONNECTION|ECONNRESET|EPIPE)$/.test(originalCode)
}

/** The reply itself is the error's text: what a server says, and nothing about how we asked, tells two refusals apart. */
function verdictOf(error: unknown): Error {
  const { response, responseCode } = error as SmtpError
  if (response === undefined || responseCode === undefined)
    return error instanceof Error ? error : new Error(textOf(error))
  return responseCode >= 500 ? new PermanentError(response, { cause: error }) : new Error(response, { cause: error })
}
