/** Pino's argument order, so a pino logger or `console` fits as it is. */
export type Logger = Readonly<Record<'debug' | 'info' | 'warn' | 'error', (fields: object, message: string) => void>>

/** A logger that never throws: a full disk under the log must cost no job. */
export function guarded(logger: Logger | undefined): Logger | undefined {
  if (!logger) return undefined
  const guard =
    (level: keyof Logger) =>
    (fields: object, message: string): void => {
      try {
        logger[level](fields, message)
      } catch {}
    }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}
