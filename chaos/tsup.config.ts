import type { Options } from 'tsup'

const options: Options = {
  entry: ['src/main.ts', 'src/worker-process.ts'],
  format: ['esm'],
  platform: 'node',
  target: 'node20.19',
  clean: false,
  splitting: false,
  // What a run harms is what it was built from: workers that start later in it do not pick up another build.
  noExternal: [/^@pgmq\/(core|node-pg|postgres-js)/],
}

export default options
