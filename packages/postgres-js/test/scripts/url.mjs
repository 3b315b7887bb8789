import * as pgmq from '@pgmq/postgres-js'
import { script } from './script.cjs'

await script(pgmq)
