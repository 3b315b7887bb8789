import postgres from 'postgres'
import { describeDriver } from '../src/index.js'
import { onSql } from './support/postgres-js.js'

const upperCase = (text: string): string => text.toUpperCase()

describeDriver({
  name: 'postgres.js with camel case and types of its own',
  setup: (url) =>
    onSql(url, {
      transform: postgres.camel,
      types: {
        text: { to: 25, from: [25], serialize: upperCase, parse: upperCase },
        bigint: postgres.BigInt,
        json: { to: 3802, from: [114, 3802], serialize: () => '"serialized"', parse: () => 'parsed' },
      } as never,
    }),
})
