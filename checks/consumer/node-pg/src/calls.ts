// A user's module that exports the result of every kind of call, without writing a type: the compiler must be able to
// name each of them through the one package that the user installed.
import { createClient } from '@pgmq/node-pg'
import { Pool } from 'pg'

export const clientOfUrl = createClient('postgres://localhost/app')
export const clientOfPool = createClient(new Pool())
