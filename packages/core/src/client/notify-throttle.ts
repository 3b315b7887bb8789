import { DEFAULTS } from '../options.js'

interface Channel {
  lastAt: number
  timer: unknown
}

/**
 * At most one NOTIFY a channel in 20 ms, with a trailing one: `pg_notify` serialises commits, and a worker that is awake
 * needs no waking.
 */
export class NotifyThrottle {
  readonly #channels = new Map<string, Channel>()
  readonly #send: (channel: string) => Promise<void>

  /** `send` must not reject: polling finds what was not notified. */
  constructor(send: (channel: string) => Promise<void>) {
    this.#send = send
  }

  /** May the statement that is about to be sent notify by itself? If not, call `trail` once it is committed. */
  take(name: string): boolean {
    const channel = this.#channels.get(name)
    const now = performance.now()
    if (channel && now - channel.lastAt < DEFAULTS.notifyThrottleMs) return false
    if (channel) channel.lastAt = now
    else this.#channels.set(name, { lastAt: now, timer: null })
    return true
  }

  trail(name: string): void {
    const channel = this.#channels.get(name)
    if (!channel || channel.timer !== null) return
    const wait = Math.max(0, channel.lastAt + DEFAULTS.notifyThrottleMs - performance.now())
    channel.timer = setTimeout(() => void this.#fire(name, channel), wait)
  }

  /** Sends what is still to be sent. */
  async flush(): Promise<void> {
    const waiting = [...this.#channels].filter(([, channel]) => channel.timer !== null)
    await Promise.all(waiting.map(([name, channel]) => this.#fire(name, channel)))
  }

  async #fire(name: string, channel: Channel): Promise<void> {
    clearTimeout(channel.timer)
    channel.timer = null
    channel.lastAt = performance.now()
    await this.#send(name)
  }
}
