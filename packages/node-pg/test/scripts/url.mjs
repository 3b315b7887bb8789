import * as pgmq from '@pgmq/node-pg'
import { script } from './script.cjs'

await script(pgmq)
