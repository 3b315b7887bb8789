const pgmq = require('@pgmq/postgres-js')
const { script } = require('./script.cjs')

script(pgmq)
