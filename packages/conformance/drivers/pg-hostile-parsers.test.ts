import pg from 'pg'
import { describeDriver } from '../src/index.js'
import { onPool } from './support/pg.js'

const parsers = new Map(Object.values(pg.types.builtins).map((oid) => [oid, pg.types.getTypeParser(oid)]))
/** As they come, for the suite's own look behind the driver's back. */
const asTheyCome = { getTypeParser: (oid: number) => parsers.get(oid) ?? String }

// As a user might who wants numbers, dates and BigInts; for every type there is, and no less hostile than that.
for (const oid of parsers.keys()) pg.types.setTypeParser(oid, () => ({ parsed: 'by the user' }) as never)

describeDriver({
  name: 'pg Pool with hostile type parsers set globally',
  setup: (url) => {
    const opened = onPool({ connectionString: url })
    const looker = new pg.Pool({ connectionString: url, types: asTheyCome })
    looker.on('error', () => undefined)
    return {
      ...opened,
      sql: async (text, params = []) => (await looker.query(text, [...params])).rows,
      close: async () => {
        await opened.close()
        await looker.end()
      },
    }
  },
})
