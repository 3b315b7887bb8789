/** Pino's argument order, so a pino logger or `console` fits as it is. */
export type Logger = Readonly<Record<'debug' | 'info' | 'warn' | 'error', (fields: object, message: string) => void>>
