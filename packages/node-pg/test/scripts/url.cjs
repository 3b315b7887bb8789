const pgmq = require('@pgmq/node-pg')
const { script } = require('./script.cjs')

script(pgmq)
