import type { Logger } from '@pgmq/node-pg'

export interface LogLine {
  readonly level: keyof Logger
  readonly fields: { readonly [name: string]: unknown }
  readonly message: string
}

/** A logger that keeps its lines. */
export function keepingLogger(): Logger & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = []
  const keep =
    (level: keyof Logger) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields: { ...fields }, message })
    }
  return { lines, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') }
}
