import { positive } from '../checks.js'
import { configurationInvalid } from '../errors.js'
import { encodeJson } from '../json.js'
import { checkedId } from '../message.js'
import { deadLetterQueue, type QueueName } from '../queue-name.js'
import type { Doing } from '../session.js'
import { shownPlainly } from '../shown.js'
import {
  type DeadLetter,
  type DeadLetterFilter,
  type LetterRange,
  listLetters,
  newestLetter,
  purgeLetters,
  redrive,
} from '../statements/letters.js'
import { type ClientContext, channelOf } from './context.js'
import { pause } from './pause.js'
import type { DeadLetters, Page, PageOptions, RedriveOptions } from './pgmq-client.js'
import { page, pageOf } from './queue-admin.js'

const CHUNK = 100
const PURGED_AT_ONCE = 1000

export class DeadLetterAdmin implements DeadLetters {
  readonly #context: ClientContext

  constructor(context: ClientContext) {
    this.#context = context
  }

  list(name: string, options: DeadLetterFilter & PageOptions = {}): Promise<Page<DeadLetter>> {
    return this.#context.run(async () => {
      const range = pageOf(options)
      checkFilter(options)
      return page(await this.#list(this.#context.existing(name), options, range), range.limit)
    })
  }

  redrive(
    name: string,
    filter: DeadLetterFilter,
    options: RedriveOptions = {},
  ): Promise<{ readonly redriven: number }> {
    return this.#context.run(() => {
      checkDefined(filter)
      checkFilter(filter)
      if (options.perSecond !== undefined) positive('perSecond', options.perSecond)
      return this.#redrive(this.#context.existing(name), filter, options)
    })
  }

  purge(name: string, filter: DeadLetterFilter): Promise<number> {
    return this.#context.run(async () => {
      checkDefined(filter)
      checkFilter(filter)
      const letters = deadLetterQueue(this.#context.existing(name))
      const doing: Doing = {
        verb: `purge dead letters of "${name}"`,
        grants: 'grant select, update, delete on pgmq."q_{q}"',
      }
      for (let purged = 0; ; ) {
        const count = await this.#context.session.run(letters, doing, (shape) =>
          purgeLetters(shape, filter, PURGED_AT_ONCE),
        )
        purged += count
        if (count < PURGED_AT_ONCE) return purged
      }
    })
  }

  /** Up to the newest letter that there is: what fails again meanwhile would come back for ever. */
  async #redrive(
    queue: QueueName,
    filter: DeadLetterFilter,
    options: RedriveOptions,
  ): Promise<{ readonly redriven: number }> {
    const { perSecond, signal } = options
    const limit = Math.floor(Math.max(1, Math.min(CHUNK, perSecond ?? CHUNK)))
    const upTo = await this.#context.session.run(deadLetterQueue(queue), listing(queue), newestLetter)
    let redriven = 0
    for (let after = '0'; ; ) {
      signal?.throwIfAborted()
      const started = performance.now()
      const letters = await this.#list(queue, filter, { after, upTo, limit })
      const last = letters[letters.length - 1]
      if (!last) return { redriven }
      after = last.id
      redriven += await this.#move(queue, letters, options)
      if (perSecond !== undefined)
        await pause((letters.length / perSecond) * 1000 - (performance.now() - started), signal)
    }
  }

  async #list(queue: QueueName, filter: DeadLetterFilter, range: LetterRange): Promise<readonly DeadLetter[]> {
    return await this.#context.session.run(deadLetterQueue(queue), listing(queue), (letters) =>
      listLetters(letters, filter, range),
    )
  }

  async #move(queue: QueueName, letters: readonly DeadLetter[], { edit }: RedriveOptions): Promise<number> {
    const bodies: (string | null)[] = []
    for (const letter of letters)
      bodies.push(edit ? encodeJson(await edit(letter.body, letter), `body of letter ${letter.id}`) : null)
    const ids = letters.map(({ id }) => id)
    const channel = this.#context.shared.options.notify ? channelOf(queue) : null
    const doing: Doing = {
      verb: `redrive dead letters of "${queue.logical}"`,
      grants: 'grant select, update, delete on pgmq."q_{q}_dlq"; grant insert on pgmq."q_{q}"',
    }
    return await this.#context.session.run(queue, doing, (shape) => redrive(shape, ids, bodies, channel))
  }
}

const listing = ({ logical }: QueueName): Doing => ({
  verb: `list dead letters of "${logical}"`,
  grants: 'grant select on pgmq."q_{q}"',
})

/** What was computed and came out undefined would else mean every letter. @throws CONFIGURATION_INVALID */
function checkDefined(filter: DeadLetterFilter | undefined): void {
  for (const [field, value] of Object.entries(filter ?? { filter }))
    if (value === undefined)
      throw configurationInvalid(
        field,
        `${field} is undefined, which would mean every letter: give a value, or {} for all`,
      )
}

/** @throws CONFIGURATION_INVALID */
function checkFilter({ ids, failedAfter, failedBefore }: DeadLetterFilter): void {
  ids?.forEach(checkedId)
  for (const [field, date] of Object.entries({ failedAfter, failedBefore }))
    if (date !== undefined && !(date instanceof Date && !Number.isNaN(date.getTime())))
      throw configurationInvalid(field, `${field} ${shownPlainly(date)} is invalid: give a Date`)
}
