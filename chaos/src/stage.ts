import { setTimeout as sleep } from 'node:timers/promises'
import { audit, type Balance, enter, history, openBooks } from './books.js'
import { FLEET_DEFAULTS, Fleet } from './fleet.js'
import { lastPickups, median, queueLength, ranAgain } from './measure.js'
import { startPooler } from './pooler.js'
import { type Order, Producer } from './producer.js'
import { TcpProxy } from './proxy.js'
import { Random } from './random.js'
import { type Phase, Rates, RECOVERED } from './rates.js'
import type { Result } from './report.js'
import type { Claim, Scenario } from './scenario.js'
import { Server, urlOf } from './server.js'
import { until } from './until.js'
import type { Adapter } from './wire.js'

export interface RunOptions {
  readonly adapter: Adapter
  /** Length of the phases before and after the harm. */
  readonly seconds: number
  readonly seed: number
  /** The sizes that take long. */
  readonly long: boolean
  readonly strict: boolean
}

/** Jobs that are kept ahead of the workers while rates are taken: more than any of them holds. */
const AHEAD = 1_000
const WARM_UP_MS = 1_500
const DRAIN_MS = 120_000
/** While no worker has a connection nothing is done, and after so long none will have one. */
const CUT_OFF_MS = 30_000
const HISTORIES = 5
const NOTIFIED_MS = 250
/** A listener tries again after ten seconds at the longest. */
const NOTIFIED_AGAIN_MS = 25_000
const PICKUP_APART_MS = 400
/** The longest that an idle worker waits before it looks. */
const POLL_MS = 1_000

/** Where a scenario plays: a server with open books, workers, a producer, and what stands between them. */
export class Stage {
  readonly random: Random
  readonly claims: Claim[] = []
  readonly #rates: Rates
  readonly #scenario: Scenario
  readonly #leave: (() => Promise<void>)[] = []

  private constructor(
    readonly server: Server,
    readonly fleet: Fleet,
    readonly producer: Producer,
    readonly proxy: TcpProxy | null,
    readonly options: RunOptions,
    scenario: Scenario,
  ) {
    this.random = new Random(options.seed)
    this.#rates = new Rates(server.sql)
    this.#scenario = scenario
  }

  static async open(scenario: Scenario, options: RunOptions): Promise<Stage> {
    const server = await Server.start(scenario.server)
    await openBooks(server.sql)
    const proxy = scenario.between === 'proxy' ? await TcpProxy.listen(server.port) : null
    const pooler = scenario.between === 'pooler' ? await startPooler(server.port) : null
    const port = proxy?.port ?? pooler?.port ?? server.port
    const { adapter } = options
    const settings = { ...FLEET_DEFAULTS, adapter, ...scenario.fleet }
    const fleet = new Fleet((name) => urlOf(port, name), settings)
    const producer = new Producer({ ...settings, url: urlOf(port, 'producer') })
    const stage = new Stage(server, fleet, producer, proxy, options, scenario)
    stage.#leave.push(
      () => server.close(),
      async () => pooler?.stop(),
      async () => proxy?.close(),
    )
    return stage
  }

  /** What is to be done at the end, however the run ends. The last comes first. */
  afterwards(leave: () => Promise<void>): void {
    this.#leave.push(leave)
  }

  // ── Load and measure ───────────────────────────────────────────────────────────────────────────

  /** Keeps the workers busy until the end of the run, or `producer.stop()`. */
  load(order?: () => Order): void {
    this.producer.keepAhead(AHEAD, () => this.fleet.count('succeeded') + this.fleet.count('deadLettered'), order)
  }

  /** The rate before the harm, all else being equal. */
  async baseline(): Promise<void> {
    await sleep(WARM_UP_MS)
    await this.#rates.measure('baseline', () => sleep(this.options.seconds * 1000))
  }

  async during(harm: () => Promise<unknown>): Promise<void> {
    await this.#rates.measure('during', harm)
  }

  async after(seconds: number = this.options.seconds): Promise<void> {
    await this.#rates.measure('after', () => sleep(seconds * 1000))
  }

  async rate(phase: Phase): Promise<number | null> {
    return await this.#rates.of(phase)
  }

  // ── Claims ─────────────────────────────────────────────────────────────────────────────────────

  claim(what: string, holds: boolean, detail: string | number = ''): void {
    this.claims.push({ what, holds, detail: String(detail), ofRate: false })
  }

  claimOfRate(what: string, holds: boolean, detail: string): void {
    this.claims.push({ what, holds, detail, ofRate: true })
  }

  /** Of the baseline. */
  async claimRate(phase: Phase, atLeast: number): Promise<void> {
    const [baseline, rate] = [(await this.rate('baseline')) ?? 0, (await this.rate(phase)) ?? 0]
    const share = rate / Math.max(1, baseline)
    const what = `rate ${phase} the harm is at least ${percent(atLeast)} of the baseline`
    this.claimOfRate(what, share >= atLeast, percent(share))
  }

  async claimRecovery(withinSeconds: number): Promise<void> {
    const recovery = await this.#rates.recovery()
    const what = `rate is back at ${percent(RECOVERED)} of the baseline within ${withinSeconds} s`
    this.claimOfRate(
      what,
      recovery !== null && recovery <= withinSeconds,
      recovery === null ? 'never' : `${recovery} s`,
    )
  }

  /** Idle workers start a job at once, and not only when they look for one: they are notified. */
  async claimNotified(): Promise<void> {
    if (!(await this.rest())) return this.claim('idle workers are notified', false, 'they do not come to rest')
    let pickups: number[] = []
    const holds = await until(async () => {
      pickups = await this.pickups()
      return median(pickups) < NOTIFIED_MS
    }, NOTIFIED_AGAIN_MS)
    this.claim('idle workers are notified', holds, `picked up after ${Math.round(median(pickups))} ms`)
  }

  /** Waits for a condition that must come true. */
  async comesTrue(what: string, condition: () => boolean | Promise<boolean>, withinSeconds: number): Promise<boolean> {
    const fromMs = performance.now()
    const holds = await until(condition, withinSeconds * 1000)
    this.claim(`${what} within ${withinSeconds} s`, holds, `${seconds(performance.now() - fromMs)} s`)
    return holds
  }

  /** No new jobs, and the old ones are done. False: they are not, and will not be. */
  async rest(): Promise<boolean> {
    await this.producer.stop()
    let empty = false
    let connectedMs = performance.now()
    await until(async () => {
      empty = (await this.queueLength()) === 0
      if (this.fleet.living.some(({ health }) => health?.connected)) connectedMs = performance.now()
      return empty || performance.now() - connectedMs > CUT_OFF_MS
    }, DRAIN_MS)
    return empty
  }

  /** Once at rest. */
  async claimRanOnce(): Promise<void> {
    const [again, lost] = [await this.ranAgain(), this.fleet.count('leaseLost')]
    this.claim(
      'each job ran once, and no lease was lost',
      again === 0 && lost === 0,
      `${again} ran again, ${lost} lost`,
    )
  }

  async queueLength(): Promise<number> {
    return await queueLength(this.server.sql)
  }

  async ranAgain(): Promise<number> {
    return await ranAgain(this.server.sql)
  }

  /** Milliseconds from the insert of a job to its lease, for one after the other, at different times of a poll's second. */
  async pickups(count = 5): Promise<number[]> {
    for (let i = 0; i < count; i++) {
      await this.producer.each([{ holdMs: 0 }])
      await sleep(PICKUP_APART_MS)
    }
    await until(async () => (await this.queueLength()) === 0, 2 * POLL_MS)
    return await lastPickups(this.server.sql, count)
  }

  // ── The end ────────────────────────────────────────────────────────────────────────────────────

  /** No new jobs; the old ones are done; workers stop; and then the books are read. */
  async close(): Promise<Result> {
    const fromMs = performance.now()
    const done = await this.rest()
    const took = `${seconds(performance.now() - fromMs)} s`
    this.claim(`all that is left is done within ${DRAIN_MS / 1000} s`, done, took)
    const ready = await until(() => this.fleet.living.every(({ health }) => health?.ready), 10_000)
    this.claim(
      'every worker is alive and ready',
      ready && this.fleet.unexpected.length === 0,
      this.fleet.unexpected.join(),
    )
    const unclean = await this.fleet.stop()
    this.claim('every worker stops cleanly, within its grace', unclean.length === 0, unclean.join('\n'))

    const { balance, histories } = await this.readBooks()
    return {
      scenario: this.#scenario.name,
      adapter: this.options.adapter,
      rates: await this.#rates.all(),
      recoverySeconds: await this.#rates.recovery(),
      peakRssMb: this.fleet.peakRssMb,
      balance,
      claims: this.claims,
      histories,
      producerErrors: Object.fromEntries(this.producer.errors),
    }
  }

  /** What is known of each message that breaks a rule comes with it. */
  async readBooks(): Promise<{ readonly balance: Balance; readonly histories: readonly string[] }> {
    const { sql } = this.server
    await enter(sql, this.producer.entries, this.fleet.events)
    const balance = await audit(sql)
    const ids = new Set(balance.faults.flatMap((fault) => fault.ids.slice(0, HISTORIES)))
    return { balance, histories: await Promise.all([...ids].map((id) => history(sql, id))) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet.close()
    await this.producer.close()
    for (const leave of this.#leave.toReversed()) await leave()
  }
}

const percent = (share: number): string => `${Math.round(share * 100)} %`
const seconds = (ms: number): string => (ms / 1000).toFixed(1)
