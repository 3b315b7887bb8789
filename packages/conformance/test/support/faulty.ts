import pg from 'pg'
import type { Harness } from './harness.js'

export interface Fault {
  /** The statements that it befalls. */
  readonly match: RegExp
  /** Asked for each that the server has done: is its reply lost, and the connection with it? */
  readonly lose?: () => boolean
  /** The reply comes so much later. */
  readonly delayMs?: number
}

/** A pool on the real server whose replies get lost, or come late. */
export function faultyPool(h: Pick<Harness, 'poolWith'>, { match, lose, delayMs = 0 }: Fault): pg.Pool {
  class FaultyClient extends pg.Client {
    override query(...args: unknown[]): never {
      return this.#befallen(args[0] as { readonly text?: string }, super.query(...(args as [never]))) as never
    }

    #befallen(config: { readonly text?: string } | undefined, answer: unknown): unknown {
      if (!(answer instanceof Promise) || !match.test(config?.text ?? '')) return answer
      return answer.then(async (result: unknown) => {
        if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
        if (!lose?.()) return result
        const { stream } = (this as unknown as { readonly connection: { readonly stream: { destroy(): void } } })
          .connection
        stream.destroy()
        throw new Error('Connection terminated unexpectedly')
      })
    }
  }
  return h.poolWith({ max: 5, Client: FaultyClient })
}

/** A delivery that ends in place and begins anew. */
export const RENEWAL = /^with f as[\s\S]*set read_ct = q\.read_ct \+ 1/
/** A counter written beside a lease that goes on. */
export const NOTE = /^with f as[^;]*update \S+ q set headers = [^;]*$/
