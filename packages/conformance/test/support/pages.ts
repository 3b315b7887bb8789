import { readdirSync, readFileSync } from 'node:fs'

/** A fenced block of a page. What it says of itself, `title="…"` and `run`, GitHub does not show. */
export interface Block {
  readonly language: string
  readonly title: string | undefined
  /** `''`: it ends by itself. `until output`: it is stopped when it has printed what the page shows. `vitest`: a test file. */
  readonly run: string | undefined
  readonly code: string
  /** Of its first line of code, from 1. */
  readonly line: number
}

export interface Page {
  /** From the repository's root. */
  readonly file: string
  readonly blocks: readonly Block[]
}

const ROOT = new URL('../../../../', import.meta.url)

export function readPage(file: string): Page {
  const text = readFileSync(new URL(file, ROOT), 'utf8')
  const blocks = [...text.matchAll(/^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm)].map(
    ({ 1: language = '', 2: info = '', 3: code = '', index }) => ({
      language,
      title: /\btitle="([^"]+)"/.exec(info)?.[1],
      run: /(?:^|\s)run(?:="([^"]+)")?(?=\s|$)/
        .exec(info)
        ?.slice(1)
        .map((mode) => mode ?? '')[0],
      code,
      line: text.slice(0, index).split('\n').length + 1,
    }),
  )
  return { file, blocks }
}

/** Every page for users. */
export function readPages(): readonly Page[] {
  const guides = readdirSync(new URL('docs/', ROOT)).filter((name) => name.endsWith('.md'))
  const packages = ['core', 'embedded', 'node-pg', 'postgres-js']
  return [
    'README.md',
    'apps/docs/pages/quick-start.md',
    ...guides.sort().map((name) => `docs/${name}`),
    ...packages.map((name) => `packages/${name}/README.md`),
  ].map(readPage)
}

/** The block of a page with this title. */
export function titled({ file, blocks }: Page, title: string): Block {
  const block = blocks.find((one) => one.title === title)
  if (!block) throw new Error(`${file} has no block titled "${title}"`)
  return block
}
