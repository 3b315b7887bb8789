/** Pages that are elsewhere on the site than in the repository. */
const MOVED: Readonly<Record<string, string>> = {
  'apps/docs/pages/index.md': 'index.md',
  'apps/docs/pages/quick-start.md': 'quick-start.md',
  'apps/celery-bridge/README.md': 'celery-bridge.md',
  'apps/worker/README.md': 'welcome-mail.md',
  'ARCHITECTURE.md': 'architecture.md',
  'CONTRIBUTING.md': 'contributing.md',
  'packages/core/README.md': 'packages/core.md',
  'packages/embedded/README.md': 'packages/embedded.md',
  'packages/hono/README.md': 'packages/hono.md',
  'packages/node-pg/README.md': 'packages/node-pg.md',
  'packages/postgres-js/README.md': 'packages/postgres-js.md',
}
const FOLDERS: readonly (readonly [string, string])[] = [
  ['docs/', ''],
  ['apps/docs/api/', 'api/'],
]

/** The site's own pages take the place of these, for links to them. */
const INSTEAD: Readonly<Record<string, string>> = {
  'README.md': 'index.md',
  'docs/decisions': 'decisions/0001-receipts-fence-every-acknowledge.md',
}

/** What lies in the repository and is no page. */
export const NO_PAGES: readonly string[] = [
  'README.md',
  '.*/**',
  'apps/docs/README.md',
  'bench/**',
  'chaos/**',
  'checks/**',
  'packages/conformance/**',
  'packages/test-database/**',
  '**/{dist,coverage}/**',
  '**/CHANGELOG.md',
]

/** Where a Markdown file of the repository is on the site; `null` when it is no page. Both are relative to their roots. */
export function routeOf(file: string): string | null {
  const moved = MOVED[file]
  if (moved) return moved
  const folder = FOLDERS.find(([from]) => file.startsWith(from) && file.endsWith('.md'))
  return folder ? folder[1] + file.slice(folder[0].length) : null
}

/** Where a link to a file or folder of the repository leads; `null` when that is no page. */
export function targetOf(path: string): string | null {
  return INSTEAD[path] ?? routeOf(path) ?? routeOf(`${path}/README.md`)
}
