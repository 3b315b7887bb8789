import type { ConnectionSettings } from './database/server.js'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** What flags and environment come to. */
export interface Settings {
  readonly usersFile: string | undefined
  readonly watch: boolean
  /** Import a file that was sent before by way of `SMTP_URL`. */
  readonly again: boolean
  /** Put the file's dead letters back into the queue. */
  readonly redrive: boolean
  /** A server of the user's; without it our own starts. */
  readonly connection: ConnectionSettings | undefined
  /** Of our own server; `undefined` for the default. */
  readonly dataDir: string | undefined
  readonly queuePrefix: string | undefined
  readonly maxRetries: number
  readonly visibilitySeconds: number
  readonly concurrency: number
  readonly graceSeconds: number
  /** Rows recorded and enqueued in one transaction. */
  readonly batchSize: number
  /** Where mails go; without it they are caught. */
  readonly smtpUrl: string | undefined
  readonly mailFrom: string
  /** `undefined`: warnings and errors, but none about single messages. */
  readonly logLevel: LogLevel | undefined
  readonly logFile: string | undefined
  readonly debug: boolean
}
