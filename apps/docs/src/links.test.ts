import { describe, expect, it } from 'vitest'
import { siteLink } from './links.js'
import { routeOf } from './routes.js'

describe('a link of the repository', () => {
  it.each([
    ['operations.md', 'docs/guarantees.md', '/operations.md'],
    ['operations.md#the-archive', 'docs/guarantees.md', '/operations.md#the-archive'],
    ['../packages/node-pg/README.md', 'docs/drivers.md', '/packages/node-pg.md'],
    ['../../docs/protocol.md', 'packages/core/README.md', '/protocol.md'],
    ['../../README.md', 'packages/core/README.md', '/index.md'],
    ['docs/decisions', 'CONTRIBUTING.md', '/decisions/0001-receipts-fence-every-acknowledge.md'],
    ['apps/worker', 'CONTRIBUTING.md', '/welcome-mail.md'],
    ['packages/embedded/README.md', 'apps/docs/pages/quick-start.md', '/packages/embedded.md'],
    ['../interfaces/Driver.md', 'apps/docs/api/core/functions/createClient.md', '/api/core/interfaces/Driver.md'],
    ['#prisma', 'docs/query-builders.md', '#prisma'],
    ['https://node-postgres.com', 'docs/drivers.md', 'https://node-postgres.com'],
  ])('%s in %s leads to %s', (href, from, expected) => {
    expect(siteLink(href, from)).toBe(expected)
  })

  it('to a file that is no page is none', () => {
    expect(siteLink('../src/driver.ts', 'docs/drivers.md')).toBeNull()
    expect(siteLink('bench/README.md', 'CONTRIBUTING.md')).toBeNull()
  })

  it('to a page that is not there is left for VitePress to find', () => {
    expect(siteLink('nowhere.md', 'docs/drivers.md')).toBe('/nowhere.md')
  })
})

it('a file outside of the folders that hold pages is no page', () => {
  expect(routeOf('chaos/README.md')).toBeNull()
})
