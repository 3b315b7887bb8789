import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'books', include: ['test/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 } },
      // Minutes: `pnpm chaos:mutations`.
      { test: { name: 'mutations', include: ['test/mutations/*.test.ts'], testTimeout: 600_000 } },
    ],
  },
})
