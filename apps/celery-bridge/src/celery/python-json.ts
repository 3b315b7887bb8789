import type { JsonValue } from '@pgmq/node-pg'

const DIGITS = /[0-9]{16}/
/** Texts, which are passed over, and numbers. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/g

/**
 * Reads JSON as Kombu writes it. A whole number that JavaScript would round becomes the text of its digits, and a value
 * that Kombu marked with its type (a date, a decimal, a UUID) the text that stands for it.
 *
 * @throws SyntaxError, also for the NaN and Infinity that Python lets pass
 */
export function parsePythonJson(text: string): JsonValue {
  const exact = DIGITS.test(text) ? text.replace(TOKENS, (token) => (isRounded(token) ? `"${token}"` : token)) : text
  return JSON.parse(exact, (_key, value: unknown) => withoutType(value)) as JsonValue
}

const isRounded = (token: string): boolean => /^-?[0-9]+$/.test(token) && !Number.isSafeInteger(Number(token))

/** Kombu 5.3 and later: `{"__type__": "datetime", "__value__": "2026-01-02T03:04:05"}`. Before, the text stood alone. */
function withoutType(value: unknown): unknown {
  const { __type__: type, __value__: plain } = (value ?? {}) as { __type__?: unknown; __value__?: unknown }
  if (typeof type !== 'string' || plain === undefined) return value
  return type === 'uuid' ? dashed(plain) : plain
}

function dashed(uuid: unknown): unknown {
  const hex = typeof uuid === 'object' ? (uuid as { hex?: unknown } | null)?.hex : uuid
  if (typeof hex !== 'string') return uuid
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
