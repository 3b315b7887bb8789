import type { Context } from 'hono'
import * as v from 'valibot'
import { DEFAULTS } from './options.js'
import { Refusal, toIssues } from './problem.js'

/** An object with named fields: of a query, or of a JSON body. */
export type FieldsSchema = v.StrictObjectSchema<v.ObjectEntries, undefined>

/**
 * The body as it was sent, once its schema let it pass. Not what the schema makes of it: Valibot's objects leave out fields
 * with names such as `constructor`, and no job may lose one. No body at all is an empty object.
 *
 * @throws Refusal
 */
export async function readBody<S extends FieldsSchema>(c: Context, schema: S): Promise<v.InferOutput<S>> {
  const text = decode(await c.req.arrayBuffer())
  if (text !== '' && !isJson(c.req.header('Content-Type')))
    throw new Refusal(415, 'MEDIA_TYPE_UNSUPPORTED', 'the body is no JSON: send Content-Type: application/json')
  const body = text === '' ? {} : parse(text)
  if (isDeeperThan(DEFAULTS.jsonDepth, body))
    throw new Refusal(400, 'REQUEST_INVALID', `the body is nested deeper than ${DEFAULTS.jsonDepth} levels`)
  check('the body', schema, body)
  return body as v.InferOutput<S>
}

/** @throws Refusal */
export function readQuery<S extends FieldsSchema>(c: Context, schema: S): v.InferOutput<S> {
  const given = Object.entries(c.req.query()).map(([name, text]) => [name, fromText(text, schema.entries[name])])
  return check('the query', schema, Object.fromEntries(given))
}

function check<S extends FieldsSchema>(what: string, schema: S, given: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, given)
  if (result.success) return result.output
  const issues = toIssues(result.issues as Parameters<typeof toIssues>[0])
  const told = issues.map(({ path, message }) => [...path, message].join(': ')).join('; ')
  throw new Refusal(400, 'REQUEST_INVALID', `${what} is invalid: ${told}`, { issues })
}

const isJson = (type: string | undefined): boolean => /^application\/([\w.+-]+\+)?json *(;|$)/i.test(type ?? '')

/** What is no UTF-8 is refused, not mended: the job would be another. */
function decode(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Refusal(400, 'REQUEST_INVALID', 'the body is not in UTF-8')
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(400, 'REQUEST_INVALID', 'the body is no JSON')
  }
}

/** Layer by layer: what is nested a million times over must not end on the stack. */
function isDeeperThan(levels: number, value: unknown): boolean {
  let layer = [value].filter(isNested)
  for (let level = 0; level < levels && layer.length > 0; level++)
    layer = layer.flatMap((each): unknown[] => Object.values(each)).filter(isNested)
  return layer.length > 0
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null

/** A query has texts alone; what the schema wants may be a number or a truth. */
function fromText(text: string, schema: v.GenericSchema | undefined): unknown {
  const { type, wrapped } = (schema ?? {}) as { readonly type?: string; readonly wrapped?: v.GenericSchema }
  if (wrapped) return fromText(text, wrapped)
  if (type === 'number' && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}
