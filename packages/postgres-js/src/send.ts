import type { SqlParam } from '@pgmq/core'
import type { Column, Connection, Query, Wire } from './connection-types.js'
import { ignore } from './hang-up.js'

/** The server takes it for no type given; `postgres`, for one that nobody has a serializer for. */
const UNKNOWN_TYPE = 705

/** A row, in the order of the columns. What is `undefined` is null. */
export type Values = readonly (string | undefined)[]

export interface Sent {
  readonly query: Query
  readonly rows: Promise<readonly Values[]>
}

/**
 * Runs a statement. Neither the types nor the transforms that the user set have a say in its parameters and rows.
 * `onWire` is called when it is written, unless the socket's buffer is full.
 */
export function send(
  connection: Connection,
  text: string,
  params: readonly SqlParam[],
  prepare = false,
  onWire: (wire: Wire) => void = ignore,
): Sent {
  const options = {
    prepare,
    // The extended protocol, without parameters as well.
    simple: false,
    onexecute(wire: Wire) {
      onWire(wire)
      // Nobody else's statement is to be written behind it: it could not be given up then.
      return false
    },
  }
  const parameters = params.map((value) => connection.typed(value, UNKNOWN_TYPE))
  const query = connection.unsafe(text, parameters, options)
  // One round trip instead of two: it is not asked for the types of the parameters before.
  Reflect.defineProperty(query, 'describeFirst', { get: () => false, set() {} })
  return { query, rows: catchRows(query) }
}

/** Replaced before it is written, it does nothing. `cancel` would leave a pool's connecting connection unused for ever. */
export function replaceByNothing(query: Query): void {
  query.strings = ['']
  query.args = []
}

/** The values on their way to the user's parsers and transforms, which get nulls. */
async function catchRows(query: Query): Promise<readonly Values[]> {
  const rows: Values[] = []
  let row: string[] = []
  let caught = false
  // Read at the beginning of each row.
  Reflect.defineProperty(query, 'isRaw', {
    get() {
      if (!caught) {
        query.statement.columns = query.statement.columns?.map((column: Column, i: number) => ({
          ...column,
          parser(text: string) {
            row[i] = text
            return null
          },
        }))
        caught = true
      }
      return false
    },
  })
  await query.forEach(() => {
    rows.push(row)
    row = []
  })
  return rows
}
