import type { PgmqClient } from '@pgmq/node-pg'
import type pg from 'pg'
import { afterAll } from 'vitest'
import type { Harness } from './harness.js'
import { readPage, titled } from './pages.js'

const PAGE = readPage('docs/security.md')

/** One privilege on one object, as a block of docs/security.md grants it. */
export interface Right {
  readonly privilege: string
  readonly on: string
}

export interface Role {
  readonly name: string
  readonly client: PgmqClient
  readonly pool: pg.Pool
  readonly rights: readonly Right[]
  readonly grant: (right: Right) => Promise<void>
  readonly revoke: (right: Right) => Promise<void>
}

/** The roles of docs/security.md, by its own statements; of this database alone, since a server shares its roles. */
export function useRoles(h: Harness): {
  readonly statements: (title: string) => string
  readonly role: (name: string, ...titles: readonly string[]) => Promise<Role>
} {
  const made: string[] = []
  afterAll(async () => {
    for (const name of made) await h.sql(`drop owned by ${name} cascade; drop role ${name}`)
  })
  const ofThisDatabase = (text: string): string => text.replaceAll(/\bshop_/g, `${new URL(h.url).pathname.slice(1)}_`)
  const statements = (title: string): string => ofThisDatabase(titled(PAGE, title).code)
  return {
    statements,
    async role(short, ...titles) {
      const name = ofThisDatabase(`shop_${short}`)
      const grants = titles.map(statements).join('')
      await h.sql(`create role ${name} login`)
      made.push(name)
      await h.sql(grants)
      const url = new URL(h.url)
      url.username = name
      const pool = h.poolWith({ connectionString: url.href, max: 3 })
      return {
        name,
        pool,
        client: h.clientWith({ createQueues: false }, pool),
        rights: rightsOf(grants),
        grant: async ({ privilege, on }) => void (await h.sql(`grant ${privilege} on ${on} to ${name}`)),
        revoke: async ({ privilege, on }) => void (await h.sql(`revoke ${privilege} on ${on} from ${name}`)),
      }
    },
  }
}

function rightsOf(statements: string): readonly Right[] {
  return [...statements.matchAll(/^grant (.+) on (.+) to /gm)].flatMap(([, privileges = '', objects = '']) =>
    privileges.split(/, (?![^(]*\))/).flatMap((privilege) => objects.split(', ').map((on) => ({ privilege, on }))),
  )
}
