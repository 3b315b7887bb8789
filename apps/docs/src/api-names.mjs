// A plugin of typedoc: modules are called as users import them, not as their files lie.
import { Comment, Converter, ReflectionKind } from 'typedoc'

const NAMES = {
  'core/src': '@pgmq/core',
  'core/src/driver-kit': '@pgmq/core/driver-kit',
  'core/src/protocol': '@pgmq/core/protocol',
  'core/src/query-builders': '@pgmq/core/query-builders',
  'embedded/src': '@pgmq/embedded',
  'node-pg/src': '@pgmq/node-pg',
  'postgres-js/src': '@pgmq/postgres-js',
}
/** What an adapter exports of core is described there alone. */
const ADAPTERS = ['@pgmq/node-pg', '@pgmq/postgres-js']
const REST = 'It exports what a program needs of [@pgmq/core](../core/index.md), too; here is what it adds.'

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      const name = NAMES[module.name.replace(/\/index$/, '')]
      if (!name) throw new Error(`the entry ${module.name} has no name in api-names.mjs`)
      module.name = name
      if (ADAPTERS.includes(name)) module.comment = new Comment([{ kind: 'text', text: REST }])
    }
  })
}
