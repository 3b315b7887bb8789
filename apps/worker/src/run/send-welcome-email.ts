import type { Handler } from '@pgmq/node-pg'
import type pg from 'pg'
import { IMPORT_HEADER, LINE_HEADER } from '../database/imports.js'
import { inTransaction, throughOutages } from '../database/outage.js'
import type { Mailer } from '../mail/mailer.js'
import { renderWelcomeMail } from '../mail/welcome-mail.js'
import type { WelcomeEmailTask } from '../tasks.js'

type Message = Parameters<Extract<Handler<WelcomeEmailTask>, (...args: never) => unknown>>[1]['message']

/**
 * Sends one mail. For a row of an import, the row's outcome and the acknowledgement commit together, so a row is
 * delivered exactly when its message is archived. Between the server's reply and that commit lies the one moment in
 * which a killed process leaves a mail that will be sent again.
 */
export function createSendWelcomeEmail(mailer: Mailer, pool: pg.Pool, domain: string): Handler<WelcomeEmailTask> {
  return async (user, { message, attempt, signal, completeWith }) => {
    const row = rowOf(message)
    const waits = message.readCount - attempt
    const response = await mailer.send(renderWelcomeMail(user, messageIdOf(message, domain)), signal, waits)
    if (!row) return { response }
    // The mail is out: better to wait for a server that is away than to send it a second time.
    await throughOutages(
      () =>
        inTransaction(pool, async (tx) => {
          await completeWith(tx, { response })
          await tx.query(
            'update welcome_mail.rows set delivered_at = clock_timestamp(), attempts = $3 where import_id = $1 and line = $2',
            [row.importId, row.line, attempt],
          )
        }),
      signal,
    )
    return { response }
  }
}

/** Headers are foreign input: a job that anybody sent with plain SQL has none. */
function rowOf({ headers }: Message): { readonly importId: string; readonly line: string } | undefined {
  const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')
  const [importId, line] = [text(headers[IMPORT_HEADER]), text(headers[LINE_HEADER])]
  return /^[0-9]{1,18}$/.test(importId) && /^[0-9]{1,18}$/.test(line) ? { importId, line } : undefined
}

/** The same for every delivery of a job, as the time of its insert is. */
function messageIdOf({ queue, id, enqueuedAt }: Message, domain: string): string {
  return `<${queue}.${id}.${enqueuedAt.getTime()}@${domain}>`
}
