import { defineConfig } from 'vitest/config'
import { MatrixReporter } from './scripts/matrix-reporter.mjs'

export default defineConfig({
  plugins: [
    {
      name: 'matrix',
      // Beside whichever reporters the command line names: those would take the place of any under `reporters`.
      configureVitest: ({ vitest }) => void vitest.config.reporters.push(new MatrixReporter()),
    },
  ],
  test: {
    include: ['{test,drivers}/**/*.test.ts'],
    globalSetup: ['@pgmq/test-database/setup'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
