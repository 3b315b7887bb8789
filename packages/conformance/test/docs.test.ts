import { describe, expect, it } from 'vitest'
import { compilePages } from './support/compile-pages.js'
import { type Page, readPages } from './support/pages.js'

/** Each has a test of its own: files of this package, and what stands beside the programs of apps/celery-bridge. */
const APART = ['docs/writing-a-driver.md', 'docs/migrating-from-celery.md']
/** Snippets of this page speak of its own package. */
const PRELUDES = {
  'packages/postgres-js/README.md':
    "declare const client: import('@pgmq/postgres-js').PgmqClient; declare const sql: import('postgres').Sql; ",
}
const pages = readPages().filter(({ file }) => !APART.includes(file))

describe('the TypeScript of the documentation', () => {
  const said = compilePages(pages, PRELUDES)
  const withCode = pages.filter(({ blocks }) => blocks.some(({ language }) => language === 'ts'))

  it.each(withCode.map(({ file }) => file))('%s compiles', (file) => {
    expect(said.filter((line) => line.startsWith(`${file}:`))).toEqual([])
  })

  it('has nothing else wrong with it', () => {
    expect(said.filter((line) => !withCode.some(({ file }) => line.startsWith(`${file}:`)))).toEqual([])
  })

  it('would not compile with a mistake in it', () => {
    const block = { language: 'ts', title: undefined, run: undefined, line: 7 }
    const wrong = (code: string): Page => ({ file: 'wrong.md', blocks: [{ ...block, code }] })
    expect(compilePages([wrong("\nawait client.enqueue(sendWelcomeEmail, { email: 'a' })")], {})).toEqual([
      expect.stringMatching(/^wrong\.md:8: .*'username' is missing/s),
    ])
  })
})

it('every block says its language, so that none goes untested', () => {
  const known = ['js', 'json', 'sh', 'sql', 'text', 'ts']
  const unknown = pages.flatMap(({ file, blocks }) =>
    blocks
      .filter(({ language }) => !known.includes(language))
      .map(({ line, language }) => `${file}:${line}: ${language}`),
  )
  expect(unknown).toEqual([])
})
