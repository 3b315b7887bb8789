import type { Authorize, QueueAction, Verdict } from './authorize.js'

/** `operate` reads, too; `admin` may do everything. */
export type QueueRole = QueueAction

export interface BearerToken {
  /** At least 16 characters, as `openssl rand -hex 32` makes them. */
  readonly token: string
  readonly roles: readonly QueueRole[]
  /** Only these. Requests about all queues are refused then. @defaultValue every queue */
  readonly queues?: readonly string[]
}

const ACTIONS: Readonly<Record<QueueRole, readonly QueueAction[]>> = {
  read: ['read'],
  produce: ['produce'],
  operate: ['read', 'operate'],
  admin: ['read', 'produce', 'operate', 'admin'],
}
const LEAST_LENGTH = 16
const HEADER = /^Bearer +([\w.~+/-]+=*)$/i

interface Known {
  readonly digest: Uint8Array
  readonly actions: ReadonlySet<QueueAction>
  readonly queues: ReadonlySet<string> | null
}

/**
 * Allows who sends one of these tokens what its roles may do. Tokens are compared by their digests, all of them, whole: how
 * long that takes tells nothing.
 *
 * @throws a TypeError for a token that is missing, short or there twice
 * @example bearerTokens([{ token: process.env.PRODUCER_TOKEN!, roles: ['produce'], queues: ['user_tasks'] }])
 */
export function bearerTokens(tokens: readonly BearerToken[]): Authorize {
  tokens.forEach(check)
  if (new Set(tokens.map(({ token }) => token)).size < tokens.length)
    throw new TypeError('two of the bearer tokens are the same: give each its roles at one place')
  let known: Promise<readonly Known[]> | undefined
  return async (c, { action, queue }): Promise<Verdict> => {
    const sent = HEADER.exec(c.req.header('Authorization') ?? '')?.[1]
    if (sent === undefined) return 'unauthenticated'
    // Not before the first request: Workers allow no such work outside of one.
    known ??= Promise.all(tokens.map(know))
    const holder = find(await known, await digest(sent))
    if (!holder) return 'unauthenticated'
    return holder.actions.has(action) && (holder.queues === null || (queue !== null && holder.queues.has(queue)))
  }
}

function check({ token, roles }: BearerToken, index: number): void {
  if (typeof token !== 'string' || token.length < LEAST_LENGTH)
    throw new TypeError(`bearer token ${index} is missing or shorter than ${LEAST_LENGTH} characters`)
  if (!HEADER.test(`Bearer ${token}`))
    throw new TypeError(`bearer token ${index} has characters that the header Authorization does not allow`)
  const unknown = roles.find((role) => !Object.hasOwn(ACTIONS, role))
  if (unknown !== undefined) throw new TypeError(`bearer token ${index} has the role "${unknown}", which there is not`)
}

async function know({ token, roles, queues }: BearerToken): Promise<Known> {
  return {
    digest: await digest(token),
    actions: new Set(roles.flatMap((role) => ACTIONS[role])),
    queues: queues ? new Set(queues) : null,
  }
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}

/** Looks at every token, though it was found. */
function find(all: readonly Known[], sent: Uint8Array): Known | undefined {
  let found: Known | undefined
  for (const each of all) if (isSame(each.digest, sent)) found = each
  return found
}

/** Looks at every byte, though one differed. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  let difference = 0
  for (let i = 0; i < one.length; i++) difference |= (one[i] as number) ^ (other[i] as number)
  return difference === 0
}
