import { pgmqError } from './errors.js'

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// In the text that JSON.stringify makes, an escape of U+0000 or of half a surrogate pair: jsonb refuses both
// (22P05, 22P02). An escaped backslash before it makes it plain text.
const REFUSED_BY_JSONB = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/

/**
 * The JSON text of a value that jsonb will hold.
 *
 * @throws BODY_NOT_SERIALIZABLE naming the path: a cycle, a bigint, U+0000, half a surrogate pair, or nothing at all
 */
export function encodeJson(value: unknown, what: string): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw notSerializable(value, what, error)
  }
  if (text === undefined || (text.includes('\\u') && REFUSED_BY_JSONB.test(text))) throw notSerializable(value, what)
  return text
}

/** A value as jsonb will hold it, in at most so many bytes; `undefined` where it will not. Whoever changes his own later changes nothing here. */
export function storableCopy(value: unknown, maxBytes: number): JsonValue | undefined {
  try {
    const text = encodeJson(value, 'value')
    return utf8Length(text) <= maxBytes ? (JSON.parse(text) as JsonValue) : undefined
  } catch {
    return undefined
  }
}

/** Deep enough for any sane value, and far from where the search itself would run out of stack. */
const SEARCHED_LEVELS = 1000

function notSerializable(value: unknown, what: string, cause?: unknown): Error {
  const found = findUnserializable(value, what, new Set())
  const { path, problem } = found ?? { path: what, problem: 'cannot be written as JSON' }
  const message = `${path} ${problem}, so it cannot be stored as jsonb. Remove or encode it before enqueueing`
  return pgmqError('BODY_NOT_SERIALIZABLE', message, { path }, cause)
}

function findUnserializable(
  value: unknown,
  path: string,
  above: Set<object>,
): { path: string; problem: string } | null {
  if (typeof value === 'bigint') return { path, problem: 'is a bigint' }
  if (typeof value === 'string') return textProblem(value, path)
  if (typeof value === 'function' || typeof value === 'symbol' || value === undefined) {
    return above.size === 0 ? { path, problem: `is ${value === undefined ? 'undefined' : `a ${typeof value}`}` } : null
  }
  if (typeof value !== 'object' || value === null) return null
  if (above.has(value)) return { path, problem: 'refers back to itself' }
  if (above.size > SEARCHED_LEVELS) return { path: `${path.slice(0, 80)}…`, problem: 'is nested too deeply' }
  above.add(value)
  for (const [key, child] of Object.entries(value)) {
    const at = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`
    const found = textProblem(key, at) ?? findUnserializable(child, at, above)
    if (found) return found
  }
  above.delete(value)
  return null
}

function textProblem(text: string, path: string): { path: string; problem: string } | null {
  if (text.includes('\u0000')) return { path, problem: 'contains U+0000' }
  return /[\ud800-\udfff]/u.test(text) ? { path, problem: 'contains half a surrogate pair' } : null
}

/** The value of a jsonb column's text, or `undefined` where it is no JSON. */
export function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}

/** Well-formed text without U+0000, cut between code points to at most `maxBytes` of UTF-8: safe in any jsonb. */
export function storableText(text: string, maxBytes: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: U+0000 is what jsonb refuses
  const clean = text.replace(/[\ud800-\udfff]/gu, '\ufffd').replace(/\u0000/g, '\ufffd')
  if (clean.length * 3 <= maxBytes) return clean
  let bytes = 0
  let end = 0
  for (const point of clean) {
    bytes += utf8Length(point)
    if (bytes > maxBytes) break
    end += point.length
  }
  return clean.slice(0, end)
}
