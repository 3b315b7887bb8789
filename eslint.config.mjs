import { defineConfig, globalIgnores } from 'eslint/config'
import importX from 'eslint-plugin-import-x'
import n from 'eslint-plugin-n'
import tseslint from 'typescript-eslint'

const tests = ['**/*.test.ts', '*/*/test/**', 'packages/conformance/{src,drivers}/**']

// Packages that run in every JavaScript runtime, and so know nothing of Node.js.
const neutral = ['packages/core/src/**', 'packages/hono/src/**']

// Packages that exist for tests or development alone; they may use any other package.
const forTests = ['packages/conformance/**', 'packages/test-database/**', 'packages/embedded/**']

// Imports run one way: apps → adapters → core.
const nobodyImports = { regex: '^@pgmq/app-', message: 'Apps are examples: nothing imports them.' }
const onlyCore = {
  regex: '^@pgmq/(?!core(/|$))',
  message: 'Imports run one way: apps → adapters → core. Import @pgmq/core, by its public entries only.',
}
const nothingOfTheWorkspace = { regex: '^@pgmq/', message: 'This package imports nothing else of the workspace.' }
const noNode = {
  regex: '^node:',
  message: 'This package runs in every JavaScript runtime: nothing of Node.js here.',
}
const noStatements = { regex: '/statements/', message: 'Retry decisions are pure: no SQL here.' }

const restrictImports = (...patterns) => ['error', { patterns: [nobodyImports, ...patterns] }]

const everywhere = [
  { selector: 'ExportAllDeclaration', message: 'Export by name, so that a public surface is what was meant.' },
  { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
]
// `import()` is invisible to no-restricted-imports.
const noLazyImport = (pattern, message) => ({ selector: `ImportExpression > Literal[value=/${pattern}/]`, message })
const sql = [
  'select\\s',
  'insert\\s+into\\s',
  'update\\s+\\S+\\s+(as|set)\\s',
  'delete\\s+from\\s',
  'with\\s+(recursive\\s+)?[\\w"]+\\s*(\\([^)]*\\)\\s*)?as\\s',
  '(alter|create|drop|truncate)\\s+(or\\s+replace\\s+)?(extension|function|index|schema|table|trigger)\\s',
].join('|')
const sqlElsewhere = 'SQL of the library lives under packages/core/src/statements alone, one statement a file.'
const noSql = [
  { selector: `Literal[value=/^\\s*(${sql})/i]`, message: sqlElsewhere },
  { selector: `TemplateElement[value.cooked=/^\\s*((${sql})|update\\s+$)/i]`, message: sqlElsewhere },
]
const noClock = [
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'Take `now` as an argument.' },
  { selector: 'CallExpression[callee.name="Date"]', message: 'Take `now` as an argument.' },
]

export default defineConfig([
  globalIgnores(['**/dist/**', '**/node_modules/**', '**/.turbo/**', '**/coverage/**']),
  {
    name: 'typed',
    files: ['{packages,apps}/*/{src,test,drivers}/**/*.ts', 'bench/src/**/*.ts', 'chaos/{src,test}/**/*.ts'],
    ignores: ['**/*.d.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { 'import-x': importX, n },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: {
      parserOptions: {
        project: [
          '{packages,apps}/*/tsconfig.json',
          '{packages,apps}/*/tsconfig.test.json',
          '{bench,chaos}/tsconfig.json',
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    settings: {
      'import-x/resolver-next': [
        importX.createNodeResolver({ extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } }),
      ],
    },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // An async function without await turns its throws into rejections, as its type promises.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': 'off', // the compiler's noUnusedLocals has it
      'import-x/no-relative-packages': 'error',
      'n/no-unsupported-features/node-builtins': 'error',
      'no-restricted-imports': restrictImports(),
      'no-restricted-syntax': ['error', ...everywhere],
    },
  },
  {
    name: 'tests',
    files: tests,
    rules: {
      // Rows and parsed JSON are `any`; a test says what it expects of them.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // Harnesses and proxies are plain objects with functions, and listeners may be asynchronous.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-misused-promises': 'off',
    },
  },
  {
    name: 'under test from inside',
    files: ['packages/conformance/drivers/**/*.ts', 'packages/conformance/test/{fuzz,lifecycle}/**/*.ts'],
    // An adapter exports its client, core its worker; the driver behind the one is inside, and the other's rooms.
    rules: { 'import-x/no-relative-packages': 'off' },
  },
  {
    name: 'sources',
    files: ['{packages,apps}/*/src/**/*.ts', '{bench,chaos}/src/**/*.ts'],
    ignores: [...tests, '**/*.d.ts'],
    rules: {
      'max-lines': ['warn', { max: 250 }],
      'max-lines-per-function': ['warn', { max: 50 }],
      'import-x/no-extraneous-dependencies': ['error', { devDependencies: false, includeTypes: true }],
    },
  },
  {
    name: 'libraries',
    files: ['packages/*/src/**/*.ts'],
    ignores: [...tests, ...forTests, '**/*.d.ts'],
    rules: {
      'import-x/no-default-export': 'error',
      'no-restricted-imports': restrictImports(onlyCore),
      'no-restricted-syntax': ['error', ...everywhere, ...noSql],
    },
  },
  {
    name: 'adapters',
    files: ['packages/{node-pg,postgres-js}/src/**/*.ts'],
    ignores: tests,
    // A driver may have statements of its own connections.
    rules: { 'no-restricted-syntax': ['error', ...everywhere] },
  },
  {
    name: 'published for development',
    files: ['packages/embedded/src/**/*.ts'],
    ignores: tests,
    rules: { 'import-x/no-default-export': 'error' },
  },
  {
    name: 'every runtime',
    files: neutral,
    ignores: [...tests, '**/*.d.ts'],
    rules: {
      'import-x/no-nodejs-modules': 'error',
      'no-restricted-globals': [
        'error',
        ...['Buffer', '__dirname', '__filename', 'clearImmediate', 'global', 'process', 'require', 'setImmediate'],
      ],
      'no-restricted-imports': restrictImports(onlyCore, noNode),
      'no-restricted-syntax': [
        'error',
        ...everywhere,
        ...noSql,
        noLazyImport('^node:', noNode.message),
        noLazyImport('^@pgmq.', nothingOfTheWorkspace.message),
      ],
    },
  },
  {
    name: 'hono',
    files: ['packages/hono/{src,test}/**/*.ts'],
    // Requests and responses of the web platform: experimental in Node.js 20 by name alone.
    rules: { 'n/no-unsupported-features/node-builtins': ['error', { allowExperimental: true }] },
  },
  {
    name: 'core',
    files: ['packages/core/src/**/*.ts'],
    ignores: [...tests, '**/*.d.ts'],
    rules: { 'no-restricted-imports': restrictImports(nothingOfTheWorkspace, noNode) },
  },
  {
    name: 'statements',
    files: ['packages/core/src/statements/**/*.ts'],
    ignores: tests,
    rules: {
      'no-restricted-syntax': ['error', ...everywhere, noLazyImport('.', 'Statements are plain values.')],
    },
  },
  {
    name: 'retry',
    files: ['packages/core/src/retry/**/*.ts'],
    ignores: tests,
    rules: {
      'no-restricted-globals': [
        'error',
        ...['clearInterval', 'clearTimeout', 'console', 'performance', 'process', 'queueMicrotask'],
        ...['setImmediate', 'setInterval', 'setTimeout'],
      ],
      'no-restricted-imports': restrictImports(nothingOfTheWorkspace, noNode, noStatements),
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Take `now` as an argument.' },
        { object: 'Math', property: 'random', message: 'Take `random` as an argument.' },
      ],
      'no-restricted-syntax': ['error', ...everywhere, ...noSql, ...noClock, noLazyImport('.', 'Decisions are pure.')],
    },
  },
])
