import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts'],
    testTimeout: 30_000,
    // What becomes of a message is decided under retry/, so every branch of it is tested.
    coverage: { provider: 'v8', include: ['src/retry/**/*.ts'], reporter: ['text'], thresholds: { 100: true } },
  },
})
