import type { MarkdownRenderer } from 'vitepress'

const TITLE = /\btitle="([^"]+)"/

/** A block's `title="…"`, which GitHub does not show, becomes a line above it. */
export function titledBlocks(md: MarkdownRenderer): void {
  const asCode = md.renderer.rules.fence
  md.renderer.rules.fence = (tokens, index, options, env, self) => {
    const code = asCode?.(tokens, index, options, env, self) ?? ''
    const title = TITLE.exec(tokens[index]?.info ?? '')?.[1]
    return title ? `<div class="titled"><p class="title">${md.utils.escapeHtml(title)}</p>${code}</div>` : code
  }
}
