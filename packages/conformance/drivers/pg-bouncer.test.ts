import { describeBehindBouncer } from './support/bouncer.js'
import { onPool } from './support/pg.js'

describeBehindBouncer('pg Pool', (url) => onPool({ connectionString: url }))
