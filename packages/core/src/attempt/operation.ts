import type { Fence } from '../message.js'
import type { HeaderPatch } from '../retry/counters.js'
import type { Due } from '../retry/outcome.js'
import { deadLetter, type Verdict } from '../statements/dead-letter.js'
import { release, retry } from '../statements/give-back.js'
import type { FenceOptions, QueueShape, Statement } from '../statements/parts.js'
import { archive, remove, type Settled } from '../statements/settle.js'

/** How a lease is ended in the database: what `retry/decide` decided, with everything its statement needs. */
export type Operation =
  | { readonly kind: 'archive'; readonly patch: HeaderPatch | null }
  | { readonly kind: 'delete' }
  | { readonly kind: 'retry'; readonly patch: HeaderPatch; readonly due: Due }
  | { readonly kind: 'release'; readonly patch: HeaderPatch }
  | { readonly kind: 'deadLetter'; readonly verdict: Verdict }

export type OperationKind = Operation['kind']

type Of<Kind extends OperationKind> = Extract<Operation, { kind: Kind }>

/** The statement that ends leases in one way, all fenced. `operations` are all of the kind. */
export function endingStatement(
  kind: OperationKind,
  shape: QueueShape,
  leases: readonly Fence[],
  operations: readonly Operation[],
  options?: FenceOptions,
): Statement<Settled> {
  switch (kind) {
    case 'archive':
      return archive(
        shape,
        leases,
        (operations as Of<'archive'>[]).map(({ patch }) => patch),
        options,
      )
    case 'delete':
      return remove(shape, leases, options)
    case 'retry': {
      const retries = operations as Of<'retry'>[]
      return counted(
        retry(
          shape,
          leases,
          retries.map(({ patch }) => patch),
          retries.map(({ due }) => due),
          options,
        ),
      )
    }
    case 'release':
      return counted(
        release(
          shape,
          leases,
          (operations as Of<'release'>[]).map(({ patch }) => patch),
          options,
        ),
      )
    case 'deadLetter':
      return counted(
        deadLetter(
          shape,
          leases,
          (operations as Of<'deadLetter'>[]).map(({ verdict }) => verdict),
          options,
        ),
      )
  }
}

/** Nothing of these goes to the archive, so nothing can clash there. */
function counted(statement: Statement<readonly string[]>): Statement<Settled> {
  return {
    ...statement,
    decode(rows) {
      const keys = statement.decode(rows)
      return { keys, archived: keys.length }
    },
  }
}
