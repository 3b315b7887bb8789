import { posix } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'
import { targetOf } from './routes.js'

/** What VitePress tells of the page. */
interface Page {
  readonly path: string
  /** Where its file lies, when it is elsewhere on the site. */
  readonly realPath?: string
}

/**
 * Links in the repository's Markdown lead from file to file, so that they work on GitHub. On the site they lead from page to
 * page. A file that is no page is named, and not linked.
 */
export function repositoryLinks(md: MarkdownRenderer, root: string): void {
  md.core.ruler.push('repository-links', ({ tokens, env }) => {
    const { path, realPath = path } = env as Page
    const from = posix.relative(root, realPath)
    for (const { children } of tokens) {
      let unlinked = false
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          const link = siteLink(token.attrGet('href') ?? '', from)
          unlinked = link === null
          if (link !== null) token.attrSet('href', link)
        }
        if (unlinked && token.type.startsWith('link_')) {
          token.type = 'text'
          token.content = ''
        }
      }
    }
  })
}

/** The site's link for one of the file `from`; `null` for a file that is no page. */
export function siteLink(href: string, from: string): string | null {
  if (/^([a-z]+:|\/|#)/.test(href)) return href
  const [path = '', anchor] = decodeURI(href).split('#')
  const near = targetOf(tidy(posix.join(posix.dirname(from), path)))
  // A page of the site's own may include a part of the README, whose links begin at the root.
  const target = near ?? (from.startsWith('apps/docs/pages/') ? targetOf(tidy(path)) : null)
  if (target === null) return null
  return `/${target}${anchor === undefined ? '' : `#${anchor}`}`
}

const tidy = (path: string): string => path.replace(/\/$/, '')
