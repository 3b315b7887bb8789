import { configurationInvalid } from '../errors.js'
import { encodeJson } from '../json.js'
import { checkedId } from '../message.js'
import { positive } from '../options.js'
import { deadLetterQueue, type QueueName } from '../queue-name.js'
import type { Doing } from '../session.js'
import { type DeadLetter, type DeadLetterFilter, listLetters, purgeLetters, redrive } from '../statements/letters.js'
import { type ClientContext, channelOf } from './context.js'
import { pause } from './pause.js'
import type { DeadLetters, Page, PageOptions, RedriveOptions } from './pgmq-client.js'
import { page, pageOf } from './queue-admin.js'

const CHUNK = 100

export class DeadLetterAdmin implements DeadLetters {
  readonly #context: ClientContext

  constructor(context: ClientContext) {
    this.#context = context
  }

  async list(name: string, options: DeadLetterFilter & PageOptions = {}): Promise<Page<DeadLetter>> {
    const queue = this.#context.existing(name)
    const { after, limit } = pageOf(options)
    return page(await this.#list(queue, options, after, limit), limit)
  }

  async redrive(
    name: string,
    filter: DeadLetterFilter,
    options: RedriveOptions = {},
  ): Promise<{ readonly redriven: number }> {
    const queue = this.#context.existing(name)
    const { perSecond, signal } = options
    if (perSecond !== undefined) positive('perSecond', perSecond)
    const chunk = Math.max(1, Math.min(CHUNK, perSecond ?? CHUNK))
    const channel = this.#context.shared.options.notify ? channelOf(queue) : null
    let redriven = 0
    for (let after = '0'; ; ) {
      signal?.throwIfAborted()
      const started = performance.now()
      const letters = await this.#list(queue, filter, after, Math.floor(chunk))
      const last = letters[letters.length - 1]
      if (!last) return { redriven }
      after = last.id
      redriven += await this.#move(queue, letters, options, channel)
      if (perSecond !== undefined)
        await pause((letters.length / perSecond) * 1000 - (performance.now() - started), signal)
    }
  }

  async purge(name: string, filter: DeadLetterFilter): Promise<number> {
    const queue = this.#context.existing(name)
    checkFilter(filter)
    const doing: Doing = {
      verb: `purge dead letters of "${name}"`,
      grants: 'grant select, update, delete on pgmq."q_{q}"',
    }
    let purged = 0
    for (;;) {
      const count = await this.#context.session.run(deadLetterQueue(queue), doing, (letters) =>
        purgeLetters(letters, filter, 1000),
      )
      purged += count
      if (count < 1000) return purged
    }
  }

  async #list(
    queue: QueueName,
    filter: DeadLetterFilter,
    after: string,
    limit: number,
  ): Promise<readonly DeadLetter[]> {
    checkFilter(filter)
    const doing: Doing = { verb: `list dead letters of "${queue.logical}"`, grants: 'grant select on pgmq."q_{q}"' }
    return await this.#context.session.run(deadLetterQueue(queue), doing, (letters) =>
      listLetters(letters, filter, after, limit),
    )
  }

  async #move(
    queue: QueueName,
    letters: readonly DeadLetter[],
    { edit }: RedriveOptions,
    channel: string | null,
  ): Promise<number> {
    const bodies = letters.map((letter) =>
      edit ? encodeJson(edit(letter.body, letter), `body of letter ${letter.id}`) : null,
    )
    const ids = letters.map(({ id }) => id)
    const doing: Doing = {
      verb: `redrive dead letters of "${queue.logical}"`,
      grants: 'grant select, update, delete on pgmq."q_{q}_dlq"; grant insert on pgmq."q_{q}"',
    }
    return await this.#context.session.run(queue, doing, (shape) => redrive(shape, ids, bodies, channel))
  }
}

/** @throws CONFIGURATION_INVALID */
function checkFilter({ ids, failedAfter, failedBefore }: DeadLetterFilter): void {
  ids?.forEach(checkedId)
  for (const [field, date] of Object.entries({ failedAfter, failedBefore }))
    if (date !== undefined && !(date instanceof Date && !Number.isNaN(date.getTime())))
      throw configurationInvalid(field, `${field} ${String(date)} is invalid: give a Date`)
}
