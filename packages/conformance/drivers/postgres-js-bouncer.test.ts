import { describeBehindBouncer } from './support/bouncer.js'
import { onSql } from './support/postgres-js.js'

describeBehindBouncer('postgres.js', (url) => onSql(url, { prepare: false }))
