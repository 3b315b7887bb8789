import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DefaultTheme } from 'vitepress'

type Items = DefaultTheme.SidebarItem[]
const page = (text: string, link: string): DefaultTheme.SidebarItem => ({ text, link })

export const nav: DefaultTheme.NavItem[] = [
  { text: 'Quick start', link: '/quick-start' },
  { text: 'Guides', link: '/concepts', activeMatch: '^/(concepts|drivers|transactions|retries|dead-letters|testing)' },
  { text: 'Operations', link: '/operations', activeMatch: '^/(operations|monitoring|security|troubleshooting)' },
  { text: 'API', link: '/api/', activeMatch: '^/api/' },
]

const GUIDES: Items = [
  {
    text: 'Start',
    items: [
      page('Quick start', '/quick-start'),
      page('Concepts', '/concepts'),
      page('Example: welcome mail', '/welcome-mail'),
    ],
  },
  {
    text: 'Write jobs',
    items: [
      page('Drivers', '/drivers'),
      page('Transactions', '/transactions'),
      page('Query builders', '/query-builders'),
      page('Retries', '/retries'),
      page('Dead letters', '/dead-letters'),
      page('CPU-bound work', '/cpu-bound-work'),
      page('Testing', '/testing'),
    ],
  },
  {
    text: 'Run them',
    items: [
      page('Operations', '/operations'),
      page('Monitoring', '/monitoring'),
      page('Security and grants', '/security'),
      page('Supabase and older pgmq', '/older-pgmq'),
      page('Troubleshooting', '/troubleshooting'),
    ],
  },
  {
    text: 'Move here',
    items: [
      page('From Celery', '/migrating-from-celery'),
      page('Celery bridge', '/celery-bridge'),
      page('From other systems', '/migrating'),
    ],
  },
  {
    text: 'Reference',
    items: [
      page('Guarantees', '/guarantees'),
      page('Performance', '/performance'),
      page('Wire format', '/wire-format'),
      page("pgmq's SQL, typed", '/protocol'),
      page('Writing a driver', '/writing-a-driver'),
      page('API', '/api/'),
    ],
  },
  {
    text: 'Packages',
    items: ['node-pg', 'postgres-js', 'hono', 'core', 'embedded'].map((name) =>
      page(`@pgmq/${name}`, `/packages/${name}`),
    ),
  },
]

export function sidebar(root: string): DefaultTheme.SidebarMulti {
  return { '/': guides(root), '/api/': [{ text: 'API reference', link: '/api/', items: apiItems(root) }] }
}

function guides(root: string): Items {
  const decided = { text: 'Decisions', collapsed: true, items: decisions(root) }
  const inside = [page('Architecture', '/architecture'), page('Contributing', '/contributing'), decided]
  return [...GUIDES, { text: 'Inside', items: inside }]
}

/** Each by its own first line. */
function decisions(root: string): Items {
  const folder = join(root, 'docs/decisions')
  return readdirSync(folder)
    .sort()
    .map((file) => {
      const [title = file] = readFileSync(join(folder, file), 'utf8').split('\n')
      return page(title.replace(/^# /, ''), `/decisions/${file.replace(/\.md$/, '')}`)
    })
}

/** As typedoc has written it beside the pages that it made. */
function apiItems(root: string): Items {
  const items = JSON.parse(readFileSync(join(root, 'apps/docs/api/typedoc-sidebar.json'), 'utf8')) as Items
  return items.map(onSite)
}

function onSite({ link, items, ...item }: DefaultTheme.SidebarItem): DefaultTheme.SidebarItem {
  return {
    ...item,
    ...(link && { link: link.replace(/^.*?\/api\//, '/api/').replace(/\.md$/, '') }),
    ...(items && { items: items.map(onSite) }),
  }
}
