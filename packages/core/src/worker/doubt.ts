import type { Doing } from '../session.js'
import { extend } from '../statements/extend.js'
import { findGivenBack } from '../statements/give-back.js'
import { findLetters } from '../statements/letters.js'
import { findArchived, findGone } from '../statements/settle.js'
import type { Link } from './link.js'
import type { Entry } from './settler.js'

/** Of entries of one queue and kind whose statement got no reply: the keys of those that it had done. */
export async function doubtful(link: Link, entries: readonly Entry[]): Promise<ReadonlySet<string>> {
  const [first] = entries as [Entry, ...Entry[]]
  const { name } = first.delivery.queue
  const fences = entries.map(({ delivery }) => delivery.fence)
  const doing: Doing = {
    verb: `look up finished messages of "${name.logical}"`,
    grants: 'grant select on pgmq."q_{q}", pgmq."a_{q}", pgmq."q_{q}_dlq"',
  }
  switch (first.operation.kind) {
    case 'archive':
      return new Set(await link.run(name, doing, (shape) => findArchived(shape, fences)))
    case 'delete':
      return new Set(await link.run(name, doing, (shape) => findGone(shape, fences)))
    case 'retry':
    case 'release':
      return new Set(await link.run(name, doing, (shape) => findGivenBack(shape, fences)))
    case 'deadLetter':
      return new Set(await link.run(name, doing, (shape) => findLetters(shape, fences)))
  }
}

/** Of entries of one queue that a skip-locked statement passed over: the keys of those that are locked, not lost. */
export async function stillOurs(link: Link, entries: readonly Entry[]): Promise<ReadonlySet<string>> {
  const [first] = entries as [Entry, ...Entry[]]
  const { name, visibilitySeconds } = first.delivery.queue
  const fences = entries.map(({ delivery }) => delivery.fence)
  const verdicts = await link.run(
    name,
    { verb: `look after leases of "${name.logical}"`, grants: 'grant select, update on pgmq."q_{q}"' },
    (shape) => extend(shape, fences, visibilitySeconds),
  )
  return new Set([...verdicts].filter(([, verdict]) => verdict !== 'lost').map(([key]) => key))
}
