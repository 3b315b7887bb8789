import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/main.ts', 'src/role.ts'],
  format: ['esm'],
  platform: 'node',
  target: 'node20.19',
  clean: false,
})
