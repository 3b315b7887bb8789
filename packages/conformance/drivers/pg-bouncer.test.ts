import { describe, it } from 'vitest'
import { describeDriver } from '../src/index.js'
import { MISSING_BEHIND_BOUNCER, startBouncer, withoutBouncer } from './support/bouncer.js'
import { onPool } from './support/pg.js'

const name = 'pg Pool through PgBouncer in transaction mode'

if (withoutBouncer) describe(name, () => it.skip(`is not tested: ${withoutBouncer}`, () => undefined))
else
  describeDriver({
    name,
    async setup(url) {
      const bouncer = await startBouncer(url)
      const opened = onPool({ connectionString: bouncer.url })
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
