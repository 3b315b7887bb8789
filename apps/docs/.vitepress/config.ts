import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { deadAnchors } from '../src/dead-anchors.js'
import { repositoryLinks } from '../src/links.js'
import { nav, sidebar } from '../src/navigation.js'
import { NO_PAGES, routeOf } from '../src/routes.js'
import { slugOf } from '../src/slugs.js'
import { titledBlocks } from '../src/titled-blocks.js'

const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

export default defineConfig({
  title: 'pgmq jobs',
  description: 'Background jobs on PostgreSQL for TypeScript: at least once, and never lost',
  lang: 'en',
  // The pages are the repository's own Markdown, where it lies.
  srcDir: '../..',
  srcExclude: [...NO_PAGES],
  rewrites(file) {
    const route = routeOf(file)
    if (!route) throw new Error(`${file} has no place on the site: give it one in src/routes.ts`)
    return route
  },
  outDir: 'dist',
  cacheDir: '.vitepress/cache',
  cleanUrls: true,
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: '/logo.svg' }]],
  vite: {
    publicDir: fileURLToPath(new URL('../public', import.meta.url)),
    plugins: [
      {
        // Pages lie outside of this package, where no node_modules has it.
        name: 'vue-of-this-package',
        enforce: 'pre',
        resolveId: (id, _importer, { ssr }) =>
          ssr && /^vue(\/server-renderer)?$/.test(id) ? { id, external: true } : null,
      },
    ],
  },
  markdown: {
    theme: { light: 'github-light', dark: 'github-dark' },
    anchor: { slugify: slugOf },
    config(md) {
      repositoryLinks(md, root)
      titledBlocks(md)
    },
  },
  themeConfig: {
    logo: '/logo.svg',
    nav,
    sidebar: sidebar(root),
    outline: { level: [2, 3] },
    search: { provider: 'local' },
    footer: { message: 'Apache-2.0' },
  },
  buildEnd({ outDir }) {
    const files = readdirSync(outDir, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.html'))
    const dead = deadAnchors(
      files.map((file) => ({
        address: `/${file.replace(/\.html$/, '').replace(/(^|\/)index$/, '$1')}`,
        html: readFileSync(join(outDir, file), 'utf8'),
      })),
    )
    if (dead.length > 0) throw new Error(`links to headings that are not there:\n${dead.join('\n')}`)
  },
})
