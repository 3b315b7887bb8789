import { defineConfig } from 'vitest/config'

// The tests run what is published: they import `dist`, which is also where the keeper program lives.
export default defineConfig({
  test: { include: ['src/**/*.test.ts', 'test/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
})
