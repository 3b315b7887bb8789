import { renderMermaidSVG } from 'beautiful-mermaid'
import type { MarkdownRenderer } from 'vitepress'

const TITLE = /\btitle="([^"]+)"/

/** Mermaid's text becomes a picture, and a block's `title="…"`, which GitHub does not show, a line above it. */
export function fences(md: MarkdownRenderer): void {
  const asCode = md.renderer.rules.fence
  md.renderer.rules.fence = (tokens, index, options, env, self) => {
    const { info = '', content = '' } = tokens[index] ?? {}
    if (info === 'mermaid') return diagram(content)
    const code = asCode?.(tokens, index, options, env, self) ?? ''
    const title = TITLE.exec(info)?.[1]
    return title ? `<div class="titled"><p class="title">${md.utils.escapeHtml(title)}</p>${code}</div>` : code
  }
}

/** Drawn while the site is built, in the site's own colours, so a reader's browser gets no more than a picture. */
function diagram(text: string): string {
  const svg = renderMermaidSVG(text, {
    bg: 'var(--vp-c-bg)',
    fg: 'var(--vp-c-text-1)',
    line: 'var(--vp-c-text-3)',
    accent: 'var(--vp-c-brand-1)',
    muted: 'var(--vp-c-text-2)',
    surface: 'var(--vp-c-bg-soft)',
    border: 'var(--vp-c-divider)',
    font: 'inherit',
    transparent: true,
  })
  // It asks another site for its font, which is here already.
  const own = svg.replace(/@import url\([^)]*\);?/g, '')
  // Not as a part of the page's template, where a style element would be dropped.
  return `<div class="diagram" v-html="${attribute(JSON.stringify(own))}"></div>\n`
}

const attribute = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
