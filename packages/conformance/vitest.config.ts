import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{test,drivers}/**/*.test.ts'],
    globalSetup: ['@pgmq/test-database/setup'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
