import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { afterAll, expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { PrismaStandIn } from './support/query-builders.js'

const GUIDE = readFileSync(new URL('../../../docs/query-builders.md', import.meta.url), 'utf8')
const recipes = [...GUIDE.matchAll(/^## (\w+)\n|^```ts\n([\s\S]*?)^```/gm)].reduce<[string, string][]>(
  (found, [, title, code]) => {
    if (title) found.push([title, ''])
    else found.push([found.at(-1)?.[0] ?? '', code ?? ''])
    return found
  },
  [],
)

/** The recipe's Prisma: the stand-in, with the one model that the recipe uses. */
class PrismaClient extends PrismaStandIn {
  constructor({ adapter }: { readonly adapter: { readonly url: string } }) {
    super(adapter)
  }
  override $transaction: PrismaStandIn['$transaction'] = (work) =>
    super.$transaction((tx) => {
      const create = async ({ data }: { data: { email: string } }): Promise<unknown> =>
        await tx.$queryRawUnsafe('insert into users (email) values ($1)', data.email)
      return work(Object.assign(tx, { user: { create } }))
    })
}
class PrismaPg {
  readonly url: string
  constructor({ connectionString }: { readonly connectionString: string }) {
    this.url = connectionString
  }
}

describeSuite('docs/query-builders.md', (h) => {
  const opened: (() => Promise<unknown>)[] = []
  afterAll(() => Promise.all(opened.map((close) => close())))

  const imported = async (name: string): Promise<object> => {
    if (name === '@prisma/adapter-pg') return { PrismaPg }
    if (name === './generated/prisma/client.js') return { PrismaClient }
    return (await import(name)) as object
  }
  /** Runs a recipe: its imports as arguments, and a last line that gives what it opened. */
  async function run(code: string): Promise<void> {
    const names: string[] = []
    const values: unknown[] = []
    for (const [, what = '', from = ''] of code.matchAll(/^import (.+) from '(.+)'$/gm)) {
      const module = (await imported(from)) as Record<string, unknown>
      for (const name of what
        .replace(/[{}]/g, '')
        .split(',')
        .map((word) => word.trim())) {
        names.push(name)
        values.push(what.startsWith('{') ? module[name] : module.default)
      }
    }
    const own = ['client', 'pool', 'knex', 'connections', 'prisma'].map(
      (name) => `typeof ${name} === 'undefined' ? null : ${name}`,
    )
    const { outputText } = ts.transpileModule(code.replace(/^import .+$/gm, ''), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    })
    const body = `return (async () => {${outputText}\nreturn [${own.join()}] })()`
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- it is our own guide
    const made = (await new Function('process', ...names, body)(
      { env: { DATABASE_URL: h.url } },
      ...values,
    )) as unknown[]
    const [client, pool, knex, connections, prisma] = made as Record<string, () => Promise<unknown>>[]
    await client?.close?.()
    opened.push(
      async () => await (pool?.end?.() ?? knex?.destroy?.() ?? connections?.end?.() ?? prisma?.$disconnect?.()),
    )
  }

  it.each(recipes.filter(([, code]) => code))('the recipe for %s commits a user and a job', async (_title, code) => {
    await h.sql('drop table if exists users')
    await h.sql('create table users (email text)')
    await h.client.queues.create('user_tasks')
    await h.client.queues.purge('user_tasks')
    await run(code)
    expect(await h.sql('select email from users')).toEqual([{ email: 'ada@example.com' }])
    expect(await h.sql('select message from pgmq.q_user_tasks')).toEqual([
      { message: { task: 'welcome', email: 'ada@example.com' } },
    ])
  })

  it('has five recipes', () => {
    const titles = recipes.filter(([, code]) => code).map(([title]) => title)
    expect(titles).toEqual(['Kysely', 'Knex', 'Drizzle', 'Drizzle', 'Prisma'])
  })
})
