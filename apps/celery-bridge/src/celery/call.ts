import { brotliDecompressSync, unzipSync } from 'node:zlib'
import type { JsonObject, JsonValue } from '@pgmq/node-pg'
import { Refusal } from '../refusal.js'
import { parsePythonJson } from './python-json.js'
import { readTime } from './time.js'

/** What a Celery app asked for. */
export interface CeleryCall {
  /** As Celery has it: `app.tasks.send_welcome_email`. */
  readonly task: string
  readonly id: string
  readonly args: readonly JsonValue[]
  readonly kwargs: JsonObject
  /** Not before; Celery makes it of a `countdown`, too. */
  readonly eta: Date | undefined
  readonly expires: Date | undefined
  /** How often Celery tried it before. */
  readonly retries: number
}

/**
 * Reads a message as Kombu's virtual transports store it, with a task of Celery's message protocol 2 inside.
 *
 * @throws Refusal for anything else, and for a call that is more than itself: part of a chain or a chord
 */
export function readCall(message: JsonValue): CeleryCall {
  const envelope = objectOf(message, 'the message')
  const headers = objectOf(envelope.headers, 'headers')
  const { task, id } = headers
  if (typeof task !== 'string' || typeof id !== 'string')
    throw unreadable('headers name no task and id, as message protocol 2 has them')
  const [args, kwargs, embed] = argumentsOf(textOf(envelope, headers))
  refuseCanvas(embed)
  return {
    task,
    id,
    args,
    kwargs,
    eta: timeOf(headers, 'eta'),
    expires: timeOf(headers, 'expires'),
    retries: typeof headers.retries === 'number' ? headers.retries : 0,
  }
}

/** The body as the serializer wrote it. */
function textOf(envelope: JsonObject, headers: JsonObject): string {
  const { body, properties } = envelope
  const type = envelope['content-type']
  if (type !== 'application/json') throw unreadable(`content-type is ${shown(type)}, and only application/json is read`)
  if (typeof body !== 'string') throw unreadable('body is no text')
  const encoding = objectOf(properties, 'properties').body_encoding
  try {
    const bytes = Buffer.from(body, encoding === 'base64' ? 'base64' : 'utf8')
    return new TextDecoder('utf-8', { fatal: true }).decode(decompressed(bytes, headers.compression))
  } catch (error) {
    throw error instanceof Refusal ? error : unreadable('body cannot be decoded', error)
  }
}

/** More than jsonb could hold is none that anybody meant. */
const LIMIT = { maxOutputLength: 268_435_456 }

function decompressed(bytes: Buffer, compression: JsonValue | undefined): Buffer {
  switch (compression ?? null) {
    case null:
      return bytes
    case 'application/x-gzip':
      return unzipSync(bytes, LIMIT)
    case 'application/x-brotli':
      return brotliDecompressSync(bytes, LIMIT)
    default:
      throw unreadable(`compression ${shown(compression)} is not read`)
  }
}

function argumentsOf(text: string): readonly [readonly JsonValue[], JsonObject, JsonObject] {
  let parts: JsonValue
  try {
    parts = parsePythonJson(text)
  } catch (error) {
    throw unreadable('body is no JSON', error)
  }
  const [args, kwargs, embed] = Array.isArray(parts) ? (parts as readonly (JsonValue | undefined)[]) : []
  if (!Array.isArray(args)) throw unreadable('body is no list of args, kwargs and embed')
  return [args as readonly JsonValue[], objectOf(kwargs, 'kwargs'), objectOf(embed ?? {}, 'embed')]
}

/** What is to follow is written nowhere but in this message, so whoever takes it must know canvases. */
function refuseCanvas(embed: JsonObject): void {
  const parts = ['chain', 'chord', 'callbacks', 'errbacks'].filter((name) => {
    const part = embed[name]
    return Array.isArray(part) ? part.length > 0 : part !== null && part !== undefined
  })
  if (parts.length > 0)
    throw new Refusal('invalid_input', `it carries ${parts.join(', ')}: what is to follow it would be lost`)
}

function timeOf(headers: JsonObject, name: 'eta' | 'expires'): Date | undefined {
  const value = headers[name] ?? undefined
  if (value === undefined) return undefined
  const time = readTime(value)
  if (time === undefined) throw unreadable(`${name} ${shown(value)} is no time`)
  return time
}

function objectOf(value: JsonValue | undefined, name: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw unreadable(`${name} ${name.endsWith('s') ? 'are' : 'is'} no object`)
}

function unreadable(problem: string, cause?: unknown): Refusal {
  return new Refusal('invalid_input', `it is no Celery task that can be read: ${problem}`, { cause })
}

function shown(value: JsonValue | undefined): string {
  return (JSON.stringify(value) ?? 'missing').slice(0, 80)
}
