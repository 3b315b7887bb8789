import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/main.ts'],
  format: ['esm'],
  platform: 'node',
  target: 'node20.19',
  // One file, written over: a process that starts meanwhile still finds one.
  clean: false,
})
