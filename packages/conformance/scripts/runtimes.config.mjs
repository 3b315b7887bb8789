import { fileURLToPath } from 'node:url'
import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../vitest.config.ts'

export default mergeConfig(
  base,
  defineConfig({
    test: {
      setupFiles: [fileURLToPath(new URL('runtime-proof.mjs', import.meta.url))],
      // Not threads: what the tests start and hang up is a process's, as it is for users.
      pool: 'forks',
    },
  }),
)
