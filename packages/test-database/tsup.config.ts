import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/setup.ts'],
  format: ['esm'],
  platform: 'node',
  target: 'node20.19',
  dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
  // The root's, as in every package, and so not in package.json: pnpm would give this package an instance of its own,
  // built against other versions of vitest's peers, and hooks belong to the instance that runs the tests.
  external: ['vitest'],
  clean: true,
})
