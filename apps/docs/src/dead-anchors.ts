/** A page as it was built: its address, as in `/guarantees`, and its HTML. */
export interface BuiltPage {
  readonly address: string
  readonly html: string
}

/** VitePress finds links to pages that are not there; this finds links to headings that are not. */
export function deadAnchors(pages: readonly BuiltPage[]): readonly string[] {
  const headings = new Map(pages.map(({ address, html }) => [address, idsOf(html)]))
  return pages.flatMap(({ address, html }) =>
    [...html.matchAll(/<a [^>]*?href="([^"#]*)#([^"]+)"/g)]
      .map(([, page = '', anchor = '']) => ({
        page: page.startsWith('/') ? page : page === '' ? address : null,
        anchor,
      }))
      .filter(({ page, anchor }) => page !== null && headings.get(page)?.has(decodeURIComponent(anchor)) !== true)
      .map(({ page, anchor }) => `${address}: ${page}#${anchor}`),
  )
}

function idsOf(html: string): ReadonlySet<string> {
  return new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id = '']) => id))
}
