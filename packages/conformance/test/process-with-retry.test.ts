import { type Logger, type Message, PermanentError, type PgmqClient, RetryAfterError, SnoozeError } from '@pgmq/core'
import { expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { refusal } from './support/refusal.js'
import { until } from './support/until.js'

describeSuite('processWithRetry', (h) => {
  async function leased(seconds = 30): Promise<{ queue: string; message: Message }> {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 20 })
    return { queue, message: (await h.client.dequeue(queue, { visibilitySeconds: seconds })) as Message }
  }
  const failing = (error: Error) => (): never => {
    throw error
  }
  const nothing = (): void => undefined
  /** Keeps what is warned of, and worse. */
  const warnings = (lines: string[]): Logger => {
    const keep = (_fields: object, line: string): void => void lines.push(line)
    return { debug: nothing, info: nothing, warn: keep, error: keep }
  }

  it('gives the result, and archives the message with it', async () => {
    const { queue, message } = await leased()
    expect(await h.client.processWithRetry(message, (body) => (body as { n: number }).n * 2)).toBe(40)
    expect((await rows(h, `a_${queue}`))[0]?.headers).toEqual({ 'x-job-output': 40 })
  })

  it('gives null for a failure, and makes the message visible at once', async () => {
    const { queue, message } = await leased()
    expect(await h.client.processWithRetry(message, failing(new Error('no')))).toBeNull()
    expect(await h.client.dequeue(queue)).toMatchObject({
      id: message.id,
      headers: { 'x-job-failures': 1, 'x-job-ended': 1 },
    })
  })

  it('dead-letters after the third retry', async () => {
    const queue = h.queue()
    const client = h.clientWith({ retry: { backoff: () => 0 } })
    await client.enqueue(queue, { n: 1 })
    for (let attempt = 1; attempt <= 4; attempt++) {
      await client.processWithRetry((await client.dequeue(queue)) as Message, (_body, context) => {
        expect(context.attempt).toBe(attempt)
        throw new Error(`no. ${attempt}`)
      })
    }
    expect(await places(h, queue)).toEqual({ queue: 0, archive: 0, dlq: 1 })
    expect((await rows(h, `q_${queue}_dlq`))[0]?.message).toMatchObject({
      error: 'no. 4',
      retry_count: 3,
      reason: 'retries_exhausted',
    })
  })

  it('obeys the errors that a processor throws', async () => {
    const permanent = await leased()
    await h.client.processWithRetry(permanent.message, failing(new PermanentError('no')))
    expect((await places(h, permanent.queue)).dlq).toBe(1)
    const later = await leased()
    await h.client.processWithRetry(later.message, failing(new RetryAfterError('no', { delaySeconds: 3600 })))
    expect((await rows(h, `q_${later.queue}`))[0]?.vt.getTime()).toBeGreaterThan(Date.now() + 3_500_000)
    const snoozed = await leased()
    await h.client.processWithRetry(snoozed.message, failing(new SnoozeError('no', { delaySeconds: 3600 })))
    expect((await rows(h, `q_${snoozed.queue}`))[0]?.headers).toEqual({ 'x-job-ended': 1 })
  })

  it('keeps the lease of a processor that takes several visibility times', async () => {
    const client = h.clientWith({ visibilitySeconds: 0.6 })
    const { queue, message } = await leased(0.6)
    const vt = async (): Promise<number> => (await rows(h, `q_${queue}`))[0]?.vt.getTime() ?? 0
    const before = await vt()
    const result = await client.processWithRetry(message, async () => {
      await until('three lease times', async () => (await vt()) > before + 1_800)
      expect(await client.dequeue(queue)).toBeNull()
      return 'done'
    })
    expect(result).toBe('done')
  })

  it('aborts a processor that runs out of time, and counts a failure', async () => {
    const { queue, message } = await leased()
    let aborted = false
    const waits = (_body: unknown, { signal }: { signal: AbortSignal }): Promise<void> =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = true
          resolve()
        })
      })
    expect(await h.client.processWithRetry(message, waits, { timeoutSeconds: 0.1 })).toBeNull()
    expect(aborted).toBe(true)
    expect((await rows(h, `q_${queue}`))[0]?.headers).toMatchObject({ 'x-job-failures': 1 })
  })

  it('hides a message that ran out of time for as long as a lease, since the processor may go on', async () => {
    const { queue, message } = await leased()
    const hangs = (): Promise<never> => new Promise(() => undefined)
    await h.client.processWithRetry(message, hangs, { timeoutSeconds: 0.05 })
    const [row] = await h.sql<{ s: number }>(`select extract(epoch from vt - now())::float8 s from pgmq.q_${queue}`)
    expect(row?.s).toBeGreaterThan(20)
  })

  it('lets a client that closes wait for it, and keeps the lease meanwhile', async () => {
    const client = h.clientWith({ visibilitySeconds: 0.6 })
    const { queue, message } = await leased(0.6)
    const vt = async (): Promise<number> => (await rows(h, `q_${queue}`))[0]?.vt.getTime() ?? 0
    const before = await vt()
    let closed: Promise<void> | undefined
    const processed = client.processWithRetry(message, async () => {
      closed = client.close()
      await until('three lease times', async () => (await vt()) > before + 1_800)
      return 'done'
    })
    expect(await processed).toBe('done')
    await closed
    expect((await places(h, queue)).archive).toBe(1)
  })

  it('says that the lease is lost when another has the message', async () => {
    const { queue, message } = await leased(0.1)
    await until('another lease', () => h.client.dequeue(queue))
    await expect(h.client.processWithRetry(message, () => 1)).rejects.toMatchObject({ code: 'LEASE_LOST' })
  })

  it('settles with completeWith in the transaction, and counts a rollback as a failure', async () => {
    const done = await leased()
    await h.client.processWithRetry(done.message, (_body, { completeWith }) =>
      h.transaction((tx) => completeWith(tx, { mails: 3 })),
    )
    expect((await rows(h, `a_${done.queue}`)).map(({ headers }) => headers)).toEqual([{ 'x-job-output': { mails: 3 } }])
    const undone = await leased()
    const result = await h.client.processWithRetry(undone.message, async (_body, { completeWith }) => {
      const rolledBack = h.transaction(async (tx) => {
        await completeWith(tx)
        throw new Error('no')
      })
      await rolledBack.catch(() => undefined)
      return 'swallowed'
    })
    expect(result).toBeNull()
    expect((await rows(h, `q_${undone.queue}`))[0]?.headers).toMatchObject({ 'x-job-failures': 1 })
  })

  it('runs the processor once a call, also where a retry is due at once', async () => {
    const { message } = await leased()
    let runs = 0
    await h.client.processWithRetry(message, () => {
      runs++
      throw new Error('no')
    })
    expect(runs).toBe(1)
  })

  it('tells the processor what it works on, and lets it use all that it is given', async () => {
    const { queue, message } = await leased()
    const seen = await h.client.processWithRetry(
      message,
      async (body, { message: given, attempt, signal, log, client, extend }) => {
        log.info({}, 'silent without a logger')
        await extend(600)
        await client.enqueue(queue, { n: 21 })
        return { body, id: given.id, attempt, aborted: signal.aborted }
      },
    )
    expect(seen).toEqual({ body: { n: 20 }, id: message.id, attempt: 1, aborted: false })
    const [archived] = await h.sql<{ s: number }>(`select extract(epoch from vt - now())::int s from pgmq.a_${queue}`)
    expect(archived?.s).toBeGreaterThan(500)
    expect((await places(h, queue)).queue).toBe(1)
  })

  it('writes a dead letter that tells everything', async () => {
    const queue = h.queue()
    await h.client.enqueue(queue, { task: 'ping', n: 1 }, { headers: { tenant: 'acme' } })
    const before = Date.now()
    await h.client.processWithRetry((await h.client.dequeue(queue)) as Message, failing(new Error('no')), {
      retry: { maxRetries: 0 },
    })
    const [letter] = await rows(h, `q_${queue}_dlq`)
    expect(letter?.message).toEqual({
      original_queue: queue,
      original_msg_id: '1',
      error: 'no',
      message: { task: 'ping', n: 1 },
      retry_count: 0,
      failed_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      reason: 'retries_exhausted',
    })
    expect(letter?.headers).toEqual({ tenant: 'acme' })
    expect(Math.abs(Date.parse(String(letter?.message.failed_at)) - before)).toBeLessThan(60_000)
  })

  it('goes by the retry policy of the call, then by the client’s', async () => {
    const client = h.clientWith({ retry: { maxRetries: 0, backoff: () => 3600 } })
    const own = await leased()
    await client.processWithRetry(own.message, failing(new Error('no')), { retry: { maxRetries: 1 } })
    const [waiting] = await rows(h, `q_${own.queue}`)
    expect(waiting?.vt.getTime()).toBeGreaterThan(Date.now() + 3_500_000)
    const other = await leased()
    await client.processWithRetry(other.message, failing(new Error('no')))
    expect((await places(h, other.queue)).dlq).toBe(1)
  })

  it('counts a RetryAfterError as any failure, at the time it says', async () => {
    const { queue, message } = await leased()
    const runAt = new Date('2040-01-01T00:00:00.123Z')
    await h.client.processWithRetry(message, failing(new RetryAfterError('later', { runAt })))
    expect(await rows(h, `q_${queue}`)).toMatchObject([{ vt: runAt, headers: { 'x-job-failures': 1 } }])
    await h.client.setVisibility({ queue, id: message.id }, 0)
    const last = (await h.client.dequeue(queue)) as Message
    await h.client.processWithRetry(last, failing(new RetryAfterError('later', { runAt })), {
      retry: { maxRetries: 1 },
    })
    expect((await rows(h, `q_${queue}_dlq`))[0]?.message).toMatchObject({ error: 'later', retry_count: 1 })
  })

  it('takes a SnoozeError for no failure, however often', async () => {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 1 })
    for (let i = 0; i < 6; i++) {
      const message = (await h.client.dequeue(queue)) as Message
      const result = await h.client.processWithRetry(message, (_body, { attempt }) => {
        expect(attempt).toBe(1)
        throw new SnoozeError('not now', { runAt: new Date(0) })
      })
      expect(result).toBeNull()
    }
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
    expect((await rows(h, `q_${queue}`))[0]?.headers).toEqual({ 'x-job-ended': 6 })
  })

  it('dead-letters what ran out of time on its last attempt as timed_out', async () => {
    const { queue, message } = await leased()
    await h.client.processWithRetry(message, () => new Promise(() => undefined), {
      timeoutSeconds: 0.05,
      retry: { maxRetries: 0 },
    })
    expect((await rows(h, `q_${queue}_dlq`))[0]?.message).toMatchObject({
      reason: 'timed_out',
      error: 'message 1 ran out of time: it may take 0.05 s',
    })
  })

  it('takes a time-out of years as it is meant', async () => {
    const { message } = await leased()
    const late = h.client.processWithRetry(message, () => h.sql('select pg_sleep(0.05)').then(() => 'done'), {
      timeoutSeconds: 1e9,
    })
    expect(await late).toBe('done')
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses a time-out of %d, and runs nothing',
    async (seconds) => {
      const { message } = await leased()
      const processed = h.client.processWithRetry(message, () => expect.fail('ran'), { timeoutSeconds: seconds })
      expect((await refusal(processed, 'CONFIGURATION_INVALID')).message).toBe(
        `timeoutSeconds ${seconds} is invalid: give a number above 0`,
      )
    },
  )

  it('keeps a lease that is shorter than the client’s, or nearly over', async () => {
    const { queue, message } = await leased(0.5)
    await h.client.processWithRetry(message, async () => {
      const [row] = await h.sql<{ s: number }>(`select extract(epoch from vt - now())::float8 s from pgmq.q_${queue}`)
      expect(row?.s).toBeGreaterThan(20)
    })
    expect((await places(h, queue)).archive).toBe(1)
  })

  it('does not run what another has', async () => {
    const { queue, message } = await leased(0.1)
    await until('another lease', () => h.client.dequeue(queue))
    const error = await refusal(
      h.client.processWithRetry(message, () => expect.fail('ran')),
      'LEASE_LOST',
    )
    expect(error.message).toBe(
      `lease on message 1 of "${queue}" is lost: it ran out and another has it, or the message is gone`,
    )
    expect(error.details.lease).toEqual({ queue, id: message.id, receipt: message.receipt })
  })

  it('aborts the signal when the lease is lost meanwhile', async () => {
    const client = h.clientWith({ visibilitySeconds: 0.3 })
    const { queue, message } = await leased()
    let reason: unknown
    const processed = client.processWithRetry(message, async (_body, { signal }) => {
      await client.setVisibility({ queue, id: message.id }, 3600)
      await until('the abort', () => signal.aborted)
      reason = signal.reason
    })
    await refusal(processed, 'LEASE_LOST')
    expect(reason).toMatchObject({ code: 'LEASE_LOST' })
  })

  it('tells a processor that asks for more time that the lease is lost', async () => {
    const { queue, message } = await leased()
    const processed = h.client.processWithRetry(message, async (_body, { extend }) => {
      await h.client.delete({ queue, id: message.id })
      await refusal(extend(60), 'LEASE_LOST')
    })
    await refusal(processed, 'LEASE_LOST')
  })

  it('never aborts the signal of a processor that has ended', async () => {
    const client = h.clientWith({ visibilitySeconds: 0.03 })
    const queue = h.queue()
    let aborted = 0
    for (let n = 0; n < 20; n++) {
      await client.enqueue(queue, { n })
      const message = (await client.dequeue(queue, { visibilitySeconds: 30 })) as Message
      await client.processWithRetry(message, (_body, { signal }) => {
        signal.addEventListener('abort', () => aborted++)
        return h.sql('select pg_sleep(0.01)')
      })
    }
    // Long enough for a beat that had been under way, and for one more after it.
    await h.sql('select pg_sleep(0.1)')
    expect(aborted).toBe(0)
  })

  it('runs a message that another consumer has read ten times as a first attempt', async () => {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 1 })
    for (let i = 0; i < 10; i++) await h.sql('select pgmq.read($1, 0, 1)', [queue])
    const message = (await h.client.dequeue(queue)) as Message
    expect(message.readCount).toBe(11)
    expect(await h.client.processWithRetry(message, (_body, { attempt }) => ({ attempt }))).toEqual({ attempt: 1 })
  })

  it.each<[string, unknown, string]>([
    ['a text', 'plain', 'plain'],
    ['an object', { status: 503 }, '{"status":503}'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a bigint', 1n, 'something that cannot be put into words was thrown (bigint)'],
    ['an error without a message', new RangeError(), 'RangeError'],
    ['U+0000', new Error('a\u0000b'), 'a\ufffdb'],
    ['half a surrogate pair', new Error('\ud83d!'), '\ufffd!'],
    ['a megabyte', new Error('x'.repeat(1_000_000)), 'x'.repeat(4096)],
    ['a character at the cut', new Error(`${'x'.repeat(4095)}é`), 'x'.repeat(4095)],
    ['a pair at the cut', new Error(`${'x'.repeat(4093)}👍`), 'x'.repeat(4093)],
    ['quotes and backslashes', new Error('"\\u0000", {1,NULL}'), '"\\u0000", {1,NULL}'],
  ])('keeps the error of a processor that throws %s', async (_what, thrown, expected) => {
    const { queue, message } = await leased()
    const processor = (): never => {
      throw thrown
    }
    await h.client.processWithRetry(message, processor, { retry: { maxRetries: 0 } })
    expect((await h.client.deadLetters.list(queue)).items).toMatchObject([{ error: expected }])
  })

  it.each([
    ['U+0000', 'a\u0000'],
    ['a bigint', { n: 1n }],
    ['more than 64 kB', 'x'.repeat(70_000)],
  ])(
    'gives a result of %s to the caller, and archives the message without it, with a warning',
    async (_what, result) => {
      const lines: string[] = []
      const client = h.clientWith({ logger: warnings(lines) })
      const own = await leased()
      expect(await client.processWithRetry(own.message, () => result)).toBe(result)
      const completed = await leased()
      await client.processWithRetry(completed.message, (_body, { completeWith }) =>
        h.transaction((tx) => completeWith(tx, result)),
      )
      for (const { queue } of [own, completed]) expect((await rows(h, `a_${queue}`))[0]?.headers).toBeNull()
      const warning = 'the output of message 1 is not kept: it is no JSON, or above 65536 bytes'
      expect(lines).toEqual([warning, warning])
    },
  )

  it('archives what fails for good in a dead-letter queue, with its error', async () => {
    const queue = `${h.queue()}_dlq`
    await h.client.enqueue(queue, { n: 1 })
    const message = (await h.client.dequeue(queue)) as Message
    expect(await h.client.processWithRetry(message, failing(new PermanentError('no')))).toBeNull()
    expect((await rows(h, `a_${queue}`))[0]?.headers).toEqual({ 'x-job-outcome': 'failed', 'x-job-error': 'no' })
  })

  it('makes the dead-letter queue that is missing', async () => {
    const queue = h.queue()
    await h.sql('select pgmq.create($1)', [queue])
    await h.client.enqueue(queue, { n: 1 })
    await h.client.processWithRetry((await h.client.dequeue(queue)) as Message, failing(new PermanentError('no')))
    expect(await places(h, queue)).toEqual({ queue: 0, archive: 0, dlq: 1 })
  })

  it('leaves the message where it is when its dead letter cannot be written', async () => {
    const queue = h.queue()
    await h.sql('select pgmq.create($1)', [queue])
    const client = h.clientWith({ createQueues: false })
    await client.enqueue(queue, { n: 1 })
    const message = (await client.dequeue(queue)) as Message
    const bury = (own: PgmqClient): Promise<unknown> => own.processWithRetry(message, failing(new PermanentError('no')))
    const error = await refusal(bury(client), 'QUEUE_NOT_FOUND')
    expect(error.message).toBe(
      `cannot settle message 1 of "${queue}": there is no queue "${queue}_dlq". createQueues is off, so create it before`,
    )
    await h.transaction(async (tx) => {
      await refusal(bury(client.with(tx)), 'QUEUE_NOT_FOUND')
      expect(await client.with(tx).archive(message)).toBe(true)
    })
  })

  it('logs failures in the words that people search for', async () => {
    const lines: string[] = []
    const client = h.clientWith({ logger: warnings(lines) })
    const { queue, message } = await leased()
    await client.processWithRetry(message, failing(new Error('Connection timeout')), { retry: { maxRetries: 1 } })
    await client.processWithRetry((await client.dequeue(queue)) as Message, failing(new Error('Connection timeout')), {
      retry: { maxRetries: 1 },
    })
    expect(lines).toEqual([
      'Message 1 failed, retrying (attempt 1/1)',
      'Message 1 failed after 1 retries: Connection timeout',
    ])
  })

  it('settles inside the transaction that it is called on', async () => {
    const { queue, message } = await leased()
    const rolledBack = h.transaction(async (tx) => {
      expect(await h.client.with(tx).processWithRetry(message, () => 'done')).toBe('done')
      throw new Error('no')
    })
    await expect(rolledBack).rejects.toThrow('no')
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
    await h.transaction((tx) =>
      h.client.with(tx).processWithRetry(message, (_body, { client }) => client.enqueue(queue, { next: true })),
    )
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 1, dlq: 0 })
  })

  it('retries and buries inside the transaction that it is called on', async () => {
    const { queue, message } = await leased()
    await h.transaction((tx) => h.client.with(tx).processWithRetry(message, failing(new Error('no'))))
    const next = (await h.client.dequeue(queue)) as Message
    expect(next.headers).toEqual({ 'x-job-failures': 1, 'x-job-ended': 1 })
    await h.transaction((tx) => h.client.with(tx).processWithRetry(next, failing(new PermanentError('no'))))
    expect(await places(h, queue)).toEqual({ queue: 0, archive: 0, dlq: 1 })
  })

  it('takes a processor that throws after its completeWith committed for done', async () => {
    const { queue, message } = await leased()
    const result = await h.client.processWithRetry(message, async (_body, { completeWith }) => {
      await h.transaction((tx) => completeWith(tx))
      throw new Error('after the commit')
    })
    expect(result).toBeNull()
    expect(await places(h, queue)).toEqual({ queue: 0, archive: 1, dlq: 0 })
  })

  it('refuses completeWith on a lost lease, and settles nothing', async () => {
    const { queue, message } = await leased()
    const processed = h.client.processWithRetry(message, async (_body, { completeWith }) => {
      await h.client.setVisibility({ queue, id: message.id }, 0)
      await h.transaction((tx) => refusal(completeWith(tx), 'LEASE_LOST'))
    })
    await refusal(processed, 'LEASE_LOST')
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
  })

  it('lets completeWith come first under REPEATABLE READ', async () => {
    const { queue, message } = await leased()
    await h.client.processWithRetry(message, (_body, { completeWith }) =>
      h.transaction(async (tx) => {
        await tx.query('set transaction isolation level repeatable read')
        await completeWith(tx)
        await h.client.with(tx).enqueue(queue, { next: true })
      }),
    )
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 1, dlq: 0 })
  })
})
