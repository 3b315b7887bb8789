import { LONGEST_TIMER_MS } from '../checks.js'
import { type AloneMember, announce, companyOfProcess, quietAll, takeFloor, yieldFloor } from './alone.js'
import { Bell } from './bell.js'
import type { Delivery } from './delivery.js'

const TAKE_BACK_AGAIN_MS = 1_000

/** What the suspects' room asks of its worker. */
export interface SuspectHost {
  readonly member: AloneMember
  /** Ends the delivery and begins it anew, with the record that it began alone. `null`: its lease is lost. */
  beginAlone(delivery: Delivery): Promise<Delivery | null>
  /** Takes that record back, since others are about to join. False: not done. Never rejects. */
  takeBack(delivery: Delivery): Promise<boolean>
  /** Runs its handler beside the slots; resolves when it is over. */
  run(delivery: Delivery): Promise<void>
  /** Nothing else waits to be done. */
  idle(): boolean
}

/**
 * Messages that two crashes, or a record of one alone, make suspect of killing their process. They run one after the
 * other while nothing else runs in the process, so that a death tells whose fault it was. Suspicion is a guess, so a
 * suspect that ends is a job like any other; and it gets at most half of the worker's time.
 */
export class Suspects {
  readonly #host: SuspectHost
  readonly #bell = new Bell()
  readonly waiting: Delivery[] = []
  #running: Delivery | null = null
  #restUntilMs = 0
  #stopped = false

  constructor(host: SuspectHost) {
    this.#host = host
  }

  /** Suspects held, which are nobody's company but each other's. */
  get size(): number {
    return this.waiting.length + (this.#running ? 1 : 0)
  }

  add(delivery: Delivery): void {
    this.waiting.push(delivery)
    this.#bell.ring()
  }

  /** Its lease is lost. */
  drop(delivery: Delivery): void {
    const index = this.waiting.indexOf(delivery)
    if (index >= 0) this.waiting.splice(index, 1)
  }

  changed(): void {
    this.#bell.ring()
  }

  stop(): void {
    this.#stopped = true
    this.#bell.ring()
  }

  /** Runs until `stop`. Never rejects. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      if (this.waiting.length === 0) await this.#bell.wait()
      else if (performance.now() < this.#restUntilMs && !this.#host.idle())
        await this.#bell.wait(this.#restUntilMs - performance.now())
      else if (!takeFloor(this.#host.member)) await this.#bell.wait()
      else await this.#round()
    }
  }

  /** With the floor taken: waits for the company to finish, then tries each suspect. */
  async #round(): Promise<void> {
    const beganMs = performance.now()
    try {
      for (let suspect = this.waiting.shift(); suspect && !this.#stopped; suspect = this.waiting.shift())
        await this.#try(suspect)
    } finally {
      yieldFloor(this.#host.member)
      const nowMs = performance.now()
      this.#restUntilMs = nowMs + (nowMs - beganMs)
    }
  }

  async #untilAlone(limitMs: number): Promise<void> {
    while (companyOfProcess() > 0 && !this.#stopped && performance.now() < limitMs)
      await this.#bell.wait(limitMs - performance.now())
  }

  async #try(suspect: Delivery): Promise<void> {
    this.#running = suspect
    await this.#untilAlone(performance.now() + patienceMs(suspect))
    // A neighbour that does not end must not hide a killer for ever: then it runs beside it, and proves nothing.
    const alone = companyOfProcess() === 0
    const delivery =
      suspect.state !== 'waiting' || this.#stopped ? null : alone ? await this.#host.beginAlone(suspect) : suspect
    this.#running = delivery
    if (delivery) await this.#runWithPatience(delivery, alone)
    this.#running = null
    announce()
  }

  /** A suspect that runs for long does not hold up the others for ever; from then on it is in company. */
  async #runWithPatience(delivery: Delivery, alone: boolean): Promise<void> {
    let running = true
    let joined = false
    const letJoin = async (): Promise<void> => {
      while (running && !joined) {
        joined = !alone || (await this.#host.takeBack(delivery))
        if (!joined) await new Promise<void>((resolve) => setTimeout(resolve, TAKE_BACK_AGAIN_MS))
      }
      if (running) quietAll(false)
    }
    const timer = setTimeout(() => void letJoin(), Math.min(patienceMs(delivery), LONGEST_TIMER_MS))
    await this.#host.run(delivery)
    running = false
    clearTimeout(timer)
    if (joined && this.waiting.length > 0) quietAll(true)
  }
}

/** Others may have read a message a thousand times. */
const MOST_CRASHES = 10

/** A minute for each crash, where a lease lasts the default of 30 s. */
function patienceMs({ history, queue }: Delivery): number {
  return 2 * queue.visibilityMs * Math.min(Math.max(1, history.crashes), MOST_CRASHES)
}
