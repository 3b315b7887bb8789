import { describeDriver } from '../src/index.js'
import { onPool } from './support/pg.js'

describeDriver({ name: 'pg Pool', setup: (url) => onPool({ connectionString: url }) })
