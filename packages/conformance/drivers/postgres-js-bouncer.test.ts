import { describe, it } from 'vitest'
import { describeDriver } from '../src/index.js'
import { MISSING_BEHIND_BOUNCER, startBouncer, withoutBouncer } from './support/bouncer.js'
import { onSql } from './support/postgres-js.js'

const name = 'postgres.js through PgBouncer in transaction mode'

if (withoutBouncer) describe(name, () => it.skip(`is not tested: ${withoutBouncer}`, () => undefined))
else
  describeDriver({
    name,
    async setup(url) {
      const bouncer = await startBouncer(url)
      const opened = onSql(bouncer.url, { prepare: false })
      return {
        ...opened,
        close: async () => {
          await opened.close()
          await bouncer.stop()
        },
      }
    },
    missing: MISSING_BEHIND_BOUNCER,
  })
