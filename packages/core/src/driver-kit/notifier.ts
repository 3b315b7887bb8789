import type { Notifier, SqlExecutor } from '../driver.js'
import { ask, processId, proveHearing } from './hearing.js'
import type { Line } from './line.js'

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 10_000
const LIVENESS_INTERVAL_MS = 30_000

interface Listener {
  readonly channel: string
  readonly onNotify: () => void
  readonly onState: (up: boolean) => void
  up: boolean
}

/**
 * Listens on any number of channels over one connection, the line, which is open while anybody listens. Who listens
 * changes at once; `#reconcile` brings the line in accord with it, one run after the other.
 */
export class ReconnectingNotifier implements Notifier {
  readonly #open: () => Promise<Line>
  readonly #elsewhere: SqlExecutor
  readonly #listeners = new Set<Listener>()
  #line: Line | undefined
  /** What the line listens on. Another set with each line, lest a late reply on the last one be taken for the next one's. */
  #channels = new Set<string>()
  #failures = 0
  #timer: unknown
  #lastRun: Promise<void> = Promise.resolve()

  /** `elsewhere`: any other connection. */
  constructor(open: () => Promise<Line>, elsewhere: SqlExecutor) {
    this.#open = open
    this.#elsewhere = elsewhere
  }

  /** Resolves when the channel is listened on, or the first attempt has failed. Never rejects: workers outlive outages. */
  async listen(channel: string, onNotify: () => void, onState: (up: boolean) => void): Promise<() => Promise<void>> {
    const listener: Listener = { channel, onNotify, onState, up: false }
    this.#listeners.add(listener)
    await this.#run()
    return async () => {
      this.#listeners.delete(listener)
      await this.#run()
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear()
    await this.#run()
  }

  async #run(): Promise<void> {
    // Before what runs at the moment: it may be waiting for a server that does not answer.
    if (this.#listeners.size === 0) await this.#hangUp()
    this.#lastRun = this.#lastRun.then(() => this.#reconcile())
    await this.#lastRun
  }

  async #reconcile(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#listeners.size === 0) return this.#hangUp()
    try {
      const line = this.#line ?? (await this.#connect())
      // A line that does not answer in time is given up by its executor.
      await processId(line.executor)
      await this.#listenTo(line, this.#channels)
      if (line !== this.#line) return
      this.#failures = 0
      this.#tell()
      this.#runIn(LIVENESS_INTERVAL_MS)
    } catch {
      this.#retry()
    }
  }

  async #connect(): Promise<Line> {
    const line = await this.#open()
    this.#line = line
    void line.over.then(() => line === this.#line && this.#retry())
    line.onNotify = (channel) => {
      for (const listener of this.#listeners) if (listener.channel === channel) guarded(listener.onNotify)
    }
    await line.connect()
    await proveHearing(line, this.#elsewhere)
    return line
  }

  /** A channel that nobody wants any more is left alone until the line is closed: that costs less than it saves. */
  async #listenTo({ executor }: Line, channels: Set<string>): Promise<void> {
    for (const { channel } of this.#listeners) {
      if (!channels.has(channel)) await ask(executor, 'listen', channel)
      channels.add(channel)
    }
  }

  #retry(): void {
    void this.#hangUp()
    this.#tell()
    const ms = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LONGEST_RETRY_MS)
    this.#runIn(ms * (0.5 + Math.random() / 2))
  }

  async #hangUp(): Promise<void> {
    const line = this.#line
    this.#line = undefined
    this.#channels = new Set()
    await line?.release()
  }

  #tell(): void {
    for (const listener of this.#listeners) {
      const up = this.#channels.has(listener.channel)
      if (listener.up === up) continue
      listener.up = up
      guarded(() => listener.onState(up))
    }
  }

  #runIn(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#listeners.size > 0) this.#timer = setTimeout(() => void this.#run(), ms)
  }
}

/** A callback that throws is its owner's fault, and must not stop the others. */
function guarded(callback: () => void): void {
  try {
    callback()
  } catch {}
}
