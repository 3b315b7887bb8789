import { describeDriver } from '../src/index.js'
import { onSql } from './support/postgres-js.js'

describeDriver({ name: 'postgres.js', setup: (url) => onSql(url) })
