// A plugin of typedoc: modules are called as users import them, not as their files lie.
import { Converter, ReflectionKind } from 'typedoc'

const NAMES = {
  'core/src': '@pgmq/core',
  'core/src/driver-kit': '@pgmq/core/driver-kit',
  'core/src/protocol': '@pgmq/core/protocol',
  'core/src/query-builders': '@pgmq/core/query-builders',
  'embedded/src': '@pgmq/embedded',
  'node-pg/src': '@pgmq/node-pg',
  'postgres-js/src': '@pgmq/postgres-js',
}

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      const name = NAMES[module.name.replace(/\/index$/, '')]
      if (!name) throw new Error(`the entry ${module.name} has no name in api-names.mjs`)
      module.name = name
    }
  })
}
