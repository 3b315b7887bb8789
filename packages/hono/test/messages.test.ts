import { describeDatabase, until, useTestDatabase } from '@pgmq/test-database'
import { describe, expect, it } from 'vitest'
import { createQueueRoutes } from '../src/index.js'
import { useRoutes } from './support/served.js'

describeDatabase('messages over HTTP', () => {
  const database = useTestDatabase()
  const routes = useRoutes(database, (client) => createQueueRoutes({ client, authorize: () => true }))

  describe('are enqueued', () => {
    it('one at a time, with a delay and headers', async () => {
      const json = { body: { task: 'greet', name: 'Ada' }, delaySeconds: 60, headers: { tenant: 'acme' } }
      const reply = await routes.call('POST', '/queues/one/messages', { json })
      expect(reply).toMatchObject({ status: 201, json: { queue: 'one', id: '1', status: 'enqueued' } })

      const [message] = (await routes.client.queues.peek('one')).items
      expect(message).toMatchObject({ id: '1', body: json.body, headers: { tenant: 'acme' } })
      expect(delayOf(message)).toBe(60)
    })

    it('many at once, each with options of its own, in order', async () => {
      const messages = [{ body: { n: 1 } }, { body: { n: 2 }, delaySeconds: 30 }, { body: { n: 3 }, headers: { x: 1 } }]
      const reply = await routes.call('POST', '/queues/many/messages/batch', { json: { messages } })
      expect(reply).toMatchObject({ status: 201, json: { items: [{ id: '1' }, { id: '2' }, { id: '3' }] } })

      const { items } = await routes.client.queues.peek('many')
      expect(items).toMatchObject([{ body: { n: 1 } }, { body: { n: 2 } }, { body: { n: 3 }, headers: { x: 1 } }])
      expect(items.map(delayOf)).toEqual([0, 30, 0])
    })

    it('for a time', async () => {
      const json = { body: { n: 1 }, runAt: '2100-01-01T00:00:00.000Z' }
      await routes.call('POST', '/queues/someday/messages', { json })
      const [message] = (await routes.client.queues.peek('someday')).items
      expect(message?.dueAt.toISOString()).toBe('2100-01-01T00:00:00.000Z')
    })

    it('with every field of their bodies, whatever its name', async () => {
      const body = '{"constructor": 1, "prototype": {"__proto__": 2}, "__proto__": {"deep": true}, "n": 1e300}'
      const reply = await routes.call('POST', '/queues/as_it_is/messages', {
        body: `{"body": ${body}}`,
        headers: { 'Content-Type': 'application/json' },
      })
      expect(reply.status).toBe(201)
      const { text } = await routes.call('GET', '/queues/as_it_is/messages')
      expect(JSON.parse(text).items[0].body).toEqual(JSON.parse(body))
    })

    it.each([
      [{}, 'body'],
      [{ body: [] }, 'body'],
      [{ body: 'text' }, 'body'],
      [{ body: {}, delaySeconds: -1 }, 'delaySeconds'],
      [{ body: {}, delaySeconds: '5' }, 'delaySeconds'],
      [{ body: {}, delay: 5 }, 'delay'],
      [{ body: {}, runAt: 'tomorrow' }, 'runAt'],
      [{ body: {}, headers: [] }, 'headers'],
    ])('not as %j', async (json, field) => {
      const reply = await routes.call('POST', '/queues/refused/messages', { json })
      expect(reply).toMatchObject({ status: 400, json: { code: 'REQUEST_INVALID', issues: [{ path: [field] }] } })
    })

    it('not with both a delay and a time', async () => {
      const json = { body: {}, delaySeconds: 1, runAt: '2100-01-01T00:00:00Z' }
      const reply = await routes.call('POST', '/queues/refused/messages', { json })
      expect(reply).toMatchObject({ status: 400, json: { code: 'CONFIGURATION_INVALID' } })
    })

    it('not with what jsonb cannot hold', async () => {
      const reply = await routes.call('POST', '/queues/refused/messages', { json: { body: { text: '\u0000' } } })
      expect(reply).toMatchObject({
        status: 422,
        json: { code: 'BODY_NOT_SERIALIZABLE', detail: expect.stringMatching(/body\.text/) },
      })
    })

    it('all or none', async () => {
      await routes.client.queues.create('none')
      const json = { messages: [{ body: { n: 1 } }, { body: { n: '\u0000' } }] }
      expect(await routes.call('POST', '/queues/none/messages/batch', { json })).toMatchObject({ status: 422 })
      expect((await routes.client.queues.metrics('none')).length).toBe(0)
    })
  })

  describe('are leased', () => {
    it('with a receipt that finishes them once, and then nothing', async () => {
      const { id } = await routes.client.enqueue('leased', { n: 1 })
      const json = { visibilitySeconds: 60 }
      const { items } = (await routes.call('POST', '/queues/leased/messages/read', { json })).json
      expect(items).toMatchObject([{ id, body: { n: 1 }, readCount: 1, receipt: expect.any(String) }])
      expect((await routes.call('POST', '/queues/leased/messages/read')).json).toEqual({ items: [] })

      const { receipt } = items[0]
      const archive = `/queues/leased/messages/${id}/archive`
      expect(await routes.call('POST', archive, { json: { receipt } })).toMatchObject({ json: { archived: true } })
      expect(await routes.call('POST', archive, { json: { receipt } })).toMatchObject({
        status: 409,
        json: { code: 'LEASE_LOST' },
      })
      expect((await routes.client.queues.archived('leased')).items).toMatchObject([{ id }])
    })

    it('after a wait, if one is told to', async () => {
      await routes.client.queues.create('awaited')
      const waiting = routes.call('POST', '/queues/awaited/messages/read', { json: { waitSeconds: 15 } })
      const { id } = await routes.client.enqueue('awaited', { n: 1 })
      expect((await waiting).json).toMatchObject({ items: [{ id }] })
    })

    it('until they are released', async () => {
      const { id } = await routes.client.enqueue('released', { n: 1 })
      const lease = async () => (await routes.call('POST', '/queues/released/messages/read')).json.items[0]
      const { receipt } = await lease()
      const visibility = `/queues/released/messages/${id}/visibility`
      const release = { json: { seconds: 0, receipt } }
      expect(await routes.call('PUT', visibility, release)).toMatchObject({ json: { moved: true } })
      expect(await lease()).toMatchObject({ id, readCount: 2 })
      expect(await routes.call('PUT', visibility, release)).toMatchObject({ status: 409, json: { code: 'LEASE_LOST' } })
    })

    it('and deleted, but not by a lease that was lost', async () => {
      const { id } = await routes.client.enqueue('deleted', { n: 1 })
      const { receipt } = (await routes.call('POST', '/queues/deleted/messages/read')).json.items[0]
      await routes.client.setVisibility({ queue: 'deleted', id }, 0)
      const path = `/queues/deleted/messages/${id}`
      expect(await routes.call('DELETE', `${path}?receipt=${receipt}`)).toMatchObject({ status: 409 })
      expect(await routes.call('DELETE', `${path}?reciept=${receipt}`)).toMatchObject({ status: 400 })
      expect(await routes.call('DELETE', `${path}?receipt=`)).toMatchObject({ status: 400 })
      expect((await routes.client.queues.metrics('deleted')).length).toBe(1)
      expect(await routes.call('DELETE', path)).toMatchObject({ status: 200, json: { deleted: true } })
      expect(await routes.call('DELETE', path)).toMatchObject({ status: 404, json: { code: 'MESSAGE_NOT_FOUND' } })
    })

    it.each([{ limit: 0 }, { limit: 1001 }, { visibilitySeconds: 0 }, { waitSeconds: 21 }, { seconds: 1 }])(
      'not by %j',
      async (json) => {
        const reply = await routes.call('POST', '/queues/leased/messages/read', { json })
        expect(reply).toMatchObject({ status: 400, json: { code: 'REQUEST_INVALID' } })
      },
    )
  })

  it('are popped: taken for good', async () => {
    await routes.client.enqueueMany('popped', [{ n: 1 }, { n: 2 }, { n: 3 }])
    const { json } = await routes.call('POST', '/queues/popped/messages/pop', { json: { limit: 2 } })
    expect(json.items.map(({ body }: { body: unknown }) => body)).toEqual([{ n: 1 }, { n: 2 }])
    expect((await routes.client.queues.metrics('popped')).length).toBe(1)
  })

  it('are archived and hidden by an operator without a receipt', async () => {
    const { id } = await routes.client.enqueue('operated', { n: 1 })
    const path = `/queues/operated/messages/${id}`
    expect((await routes.call('PUT', `${path}/visibility`, { json: { seconds: 60 } })).json).toEqual({ moved: true })
    expect((await routes.client.queues.metrics('operated')).visibleLength).toBe(0)
    expect((await routes.call('POST', `${path}/archive`)).json).toEqual({ archived: true })
    expect(await routes.call('POST', `${path}/archive`)).toMatchObject({
      status: 404,
      json: { code: 'MESSAGE_NOT_FOUND' },
    })
  })

  it.each(['abc', '-1', '1.5', '99999999999999999999', '1;drop'])('are not named by %j', async (id) => {
    const reply = await routes.call('DELETE', `/queues/operated/messages/${id}`)
    expect(reply).toMatchObject({ status: 400, json: { code: 'REQUEST_INVALID' } })
  })

  it('are not leased for a caller that has gone', async () => {
    await routes.client.queues.create('abandoned')
    const gone = new AbortController()
    const waiting = fetch(`${routes.url}/queues/abandoned/messages/read`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"waitSeconds": 20}',
      signal: gone.signal,
    }).catch((error: unknown) => error)
    gone.abort()
    await waiting
    await routes.client.enqueue('abandoned', { n: 1 })
    await until('the message may be leased', async () => {
      const { length, visibleLength } = await routes.client.queues.metrics('abandoned')
      return length === 1 && visibleLength === 1
    })
  })
})

function delayOf(message: { readonly enqueuedAt: Date; readonly dueAt: Date } | undefined): number {
  return message ? Math.round((message.dueAt.getTime() - message.enqueuedAt.getTime()) / 1000) : Number.NaN
}
