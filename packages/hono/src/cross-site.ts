import type { Context } from 'hono'

/**
 * Whether a browser sent this for a page of another origin, with whatever cookies it has for ours. What is no browser sends
 * neither header.
 */
export function isCrossSite(c: Context, trusted: readonly string[]): boolean {
  const origin = c.req.header('Origin')
  if (origin !== undefined && trusted.includes(origin)) return false
  const site = c.req.header('Sec-Fetch-Site')
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  // Without the scheme: a proxy before us may have ended TLS.
  return origin !== undefined && !origin.endsWith(`://${new URL(c.req.url).host}`)
}
