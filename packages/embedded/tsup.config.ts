import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/keeper.ts'],
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node20.19',
  dts: { entry: 'src/index.ts', compilerOptions: { ignoreDeprecations: '6.0' } },
  // `import.meta.url` finds the keeper beside the entry; the CommonJS build needs it too.
  shims: true,
  treeshake: true,
  clean: true,
})
