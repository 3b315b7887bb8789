import { describeDriver } from '../src/index.js'
import { onSql } from './support/postgres-js.js'

describeDriver({ name: 'postgres.js with prepare: false', setup: (url) => onSql(url, { prepare: false }) })
