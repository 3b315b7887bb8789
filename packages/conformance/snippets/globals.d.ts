// What a snippet of the documentation may use without saying where it comes from.
import type { HandlerContext, PgmqClient, SqlRow, Task, Worker } from '@pgmq/node-pg'
import type pg from 'pg'

type Email = { name: 'send_welcome_email'; queue: 'user_tasks'; input: { email: string; username: string } }

declare global {
  const createClient: typeof import('@pgmq/node-pg').createClient
  const createWorker: typeof import('@pgmq/node-pg').createWorker
  const PermanentError: typeof import('@pgmq/node-pg').PermanentError
  const RetryAfterError: typeof import('@pgmq/node-pg').RetryAfterError
  const SnoozeError: typeof import('@pgmq/node-pg').SnoozeError
  const expect: typeof import('vitest').expect

  const client: PgmqClient
  const worker: Worker
  const pool: pg.Pool
  const tx: pg.PoolClient

  const sendWelcomeEmail: Task<Email>
  const tasks: {
    readonly sendWelcomeEmail: Task<Email>
    readonly sendMail: Task<{ name: 'send_mail'; queue: 'mails'; input: object }>
    readonly makeReport: Task<{ name: 'make_report'; queue: 'reports'; input: object }>
  }
  const handlers: Record<keyof typeof tasks, (input: object, context: HandlerContext) => Promise<void>>
  const email: string
  const username: string
  const input: Email['input']
  const inputs: Email['input'][]
  const rows: AsyncIterable<Email['input']>

  /** A caller's own functions. */
  function charge(orderId: string): Promise<void>
  function page(text: string, error: unknown): void
  function runOnYourDriver(text: string, params: readonly unknown[]): Promise<SqlRow[]>
}
