import type { SqlExecutor } from '../driver.js'
import { connectionError, statementError } from './errors.js'
import { createExecutor } from './executor.js'
import { splitAtPlaceholders } from './placeholders.js'

/** A `Knex.Transaction`, by shape. */
interface KnexTransaction {
  readonly isTransaction?: boolean | undefined
  isCompleted(): boolean
  raw(sql: string, bindings: readonly (string | null)[]): KnexRaw
}

interface KnexRaw extends PromiseLike<unknown> {
  options(options: { readonly types: typeof AS_TEXT }): PromiseLike<unknown>
}

/** Knex hands it on to `pg`, where it beats every type parser that the user set. */
const AS_TEXT = { getTypeParser: (): typeof String => String }

/**
 * An executor on a transaction of Knex.
 *
 * @throws a TypeError for a `Knex` that is no transaction
 * @example
 * await knex.transaction(async (trx) => {
 *   await trx('users').insert(user)
 *   await client.with(fromKnex(trx)).enqueue(sendWelcomeEmail, { email: user.email })
 * })
 */
export function fromKnex(trx: KnexTransaction): SqlExecutor {
  if ((trx as Partial<KnexTransaction> | undefined)?.isTransaction !== true)
    throw new TypeError(
      'fromKnex takes the trx of knex.transaction(async (trx) => …): on anything else each statement may run on another connection',
    )
  return createExecutor(async (text, params) => {
    const { strings, values } = splitAtPlaceholders(text, params)
    try {
      return await trx.raw(withQuestionMarks(strings), values).options({ types: AS_TEXT })
    } catch (error) {
      const prefix = `${strings.reduce((sql, string, i) => `${sql}$${i}${string}`)} - `
      throw statementError(error, (message) => (message.startsWith(prefix) ? message.slice(prefix.length) : message))
    }
  }, asItIs)
}

/** Whatever the above throws is translated. */
const asItIs = (error: unknown): Error => error as Error

/** Knex reads `?` and `??` everywhere, in strings too, and `\?` as a question mark. */
function withQuestionMarks(strings: readonly string[]): string {
  if (strings.some((string) => string.includes('\\?')))
    throw connectionError('Knex cannot send a statement that has a backslash before a question mark', false)
  // `\??` would be a placeholder again.
  return strings.map((string) => string.replaceAll('?', '\\?').replace(/\?$/, '? ')).join('?')
}
