import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/driver-kit.ts', 'src/protocol.ts', 'src/query-builders.ts'],
  format: ['esm', 'cjs'],
  platform: 'neutral',
  target: 'es2022',
  dts: {
    compilerOptions: { ignoreDeprecations: '6.0' },
    // Users at ES2022 have no AsyncDisposable of their own.
    banner: '/// <reference lib="esnext.disposable" />',
  },
  clean: true,
  treeshake: true,
})
