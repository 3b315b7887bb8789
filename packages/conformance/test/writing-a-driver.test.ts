import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'

const read = (file: string): Promise<string> => readFile(new URL(`../../../${file}`, import.meta.url), 'utf8')

it.each([
  ['pglite.ts', 'packages/conformance/drivers/support/pglite.ts'],
  ['pglite.test.ts', 'packages/conformance/drivers/pglite.test.ts'],
  ['bun-sql.ts', 'packages/conformance/drivers/support/bun-sql.ts'],
  ['bun-sql.test.ts', 'packages/conformance/drivers/bun-sql.test.ts'],
])('the guide shows %s as it is run', async (title, file) => {
  const guide = await read('docs/writing-a-driver.md')
  const start = guide.indexOf(`\`\`\`ts title="${title}"\n`)
  const block = guide.slice(guide.indexOf('\n', start) + 1, guide.indexOf('\n```', start + 5))
  expect(block).toBe((await read(file)).trimEnd())
})
