import { beforeAll, expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { readPages } from './support/pages.js'

/** About roles, which a server shares, and about tables of other systems: each has a test of its own. */
const APART = ['docs/migrating-from-celery.md', 'docs/migrating.md', 'docs/security.md']
const pages = readPages().filter(
  ({ file, blocks }) => !APART.includes(file) && blocks.some(({ language }) => language === 'sql'),
)

for (const { file, blocks } of pages)
  describeSuite(`the SQL of ${file}`, (h) => {
    beforeAll(() => h.client.queues.create('user_tasks'))

    it.each(blocks.filter(({ language }) => language === 'sql'))('line $line runs', async ({ code }) => {
      await h.sql(code)
    })
  })

it('there are pages with SQL', () => {
  expect(pages.map(({ file }) => file)).toEqual(
    expect.arrayContaining(['README.md', 'docs/dead-letters.md', 'docs/monitoring.md', 'docs/operations.md']),
  )
})
