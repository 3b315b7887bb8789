import PostalMime from 'postal-mime'
import { afterEach, describe, expect, it } from 'vitest'
import { type Catcher, type CatcherOptions, startCatcher } from './catcher.js'
import { createMailer, type Mailer } from './mailer.js'
import { refusalOf } from './refusals.js'
import { renderWelcomeMail } from './welcome-mail.js'

const never = new AbortController().signal
const closers: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function situation(options: CatcherOptions = {}): Promise<{ catcher: Catcher; mailer: Mailer }> {
  const catcher = await startCatcher({ refusal: () => undefined, ...options })
  const mailer = createMailer({
    url: catcher.url,
    from: 'Example <welcome@example.com>',
    maxConnections: 4,
    stop: never,
  })
  closers.push(
    () => catcher.close(),
    () => mailer.close(),
  )
  return { catcher, mailer }
}

const mailTo = (email: string, username = 'Ada') => renderWelcomeMail({ email, username }, '<1@example.com>')

describe('a welcome mail', () => {
  it.each([
    'Ada Lovelace',
    'Zoë Ångström-Żółkiewska',
    'Αλέξανδρος Παπαδόπουλος',
    '高橋 さくら',
    'O\'Brien, "Ann" <ann@example.org>',
    'Priya 🌻 Šarūnas',
  ])('arrives with the name %j as it is, in headers, text and HTML', async (username) => {
    const raws: Buffer[] = []
    const { mailer } = await situation({ onMail: (_address, raw) => void raws.push(raw) })
    await mailer.send(mailTo('ada@example.com', username), never)
    const raw = raws[0] as Buffer
    const mail = await PostalMime.parse(raw)
    expect(mail.to).toEqual([{ name: username, address: 'ada@example.com' }])
    expect(mail.subject).toBe(`Welcome, ${username}!`)
    expect(mail.text).toContain(`Hello ${username},`)
    expect(mail.html).toContain('<p>Hello <bdi>')
    expect(mail.messageId).toBe('<1@example.com>')
    // RFC 5322: headers are ASCII whatever the name is.
    const headers = raw.toString('latin1').split('\r\n\r\n')[0]
    expect(headers).toMatch(/^[\x20-\x7e\r\n\t]*$/)
  })

  it('escapes what a name would do to HTML', () => {
    const { html } = mailTo('a@example.com', '<img src=x onerror=alert(1)> & "co"')
    expect(html).toContain('<bdi>&lt;img src=x onerror=alert(1)&gt; &amp; &quot;co&quot;</bdi>')
    expect(html).not.toContain('<img')
  })

  it('isolates a name that is written from right to left', () => {
    expect(mailTo('a@example.com', 'نور الهدى').subject).toBe('Welcome, \u2068نور الهدى\u2069!')
    expect(mailTo('a@example.com', 'Ada').subject).toBe('Welcome, Ada!')
  })

  it('adds no header, whatever the name', async () => {
    const raws: Buffer[] = []
    const { mailer } = await situation({ onMail: (_address, raw) => void raws.push(raw) })
    await mailer.send(mailTo('ada@example.com', 'Ada\r\nBcc: eve@example.com'), never)
    const { headers } = await PostalMime.parse(raws[0] as Buffer)
    expect(headers.map(({ key }) => key)).not.toContain('bcc')
  })
})

describe('delivery', () => {
  it('counts the mails of an address, and resolves to the reply', async () => {
    const { catcher, mailer } = await situation()
    expect(await mailer.send(mailTo('ada@example.com'), never)).toMatch(/^250 /)
    await mailer.send(mailTo('ada@example.com'), never)
    await mailer.send(mailTo('grace@example.com'), never)
    expect(Object.fromEntries(catcher.delivered)).toEqual({ 'ada@example.com': 2, 'grace@example.com': 1 })
  })

  it('fails for good on 5xx, and in a way that may pass on 4xx, with the reply as its text', async () => {
    const { mailer } = await situation({
      refusal: (address) =>
        address.startsWith('gone') ? { code: 550, text: '5.1.1 No such user' } : { code: 451, text: '4.7.1 Later' },
    })
    const refused = (email: string): Promise<unknown> =>
      mailer.send(mailTo(email), never).catch((error: unknown) => error)
    expect(await refused('gone@example.com')).toMatchObject({ code: 'PERMANENT', message: '550 5.1.1 No such user' })
    const later = await refused('ada@example.com')
    expect(later).toMatchObject({ message: '451 4.7.1 Later' })
    expect(later).not.toHaveProperty('code')
  })

  it('goes on after a refusal', async () => {
    const { catcher, mailer } = await situation({
      refusal: (_address, earlier) => (earlier === 0 ? { code: 451, text: '4.7.1 Later' } : undefined),
    })
    await expect(mailer.send(mailTo('ada@example.com'), never)).rejects.toThrow('451 4.7.1 Later')
    await mailer.send(mailTo('ada@example.com'), never)
    expect(catcher.delivered.get('ada@example.com')).toBe(1)
  })

  it('is put off, and not failed, by a server that closes or cannot be reached', async () => {
    const { catcher, mailer } = await situation({ refusal: () => ({ code: 421, text: '4.3.2 Shutting down' }) })
    await expect(mailer.send(mailTo('ada@example.com'), never)).rejects.toMatchObject({ code: 'SNOOZE' })
    expect(mailer.outage.reason).toContain('421 4.3.2 Shutting down')
    await catcher.close()
    await expect(mailer.send(mailTo('ada@example.com'), never)).rejects.toMatchObject({
      code: 'SNOOZE',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it('gives up waiting for the server when told to stop', async () => {
    const stop = new AbortController()
    const mailer = createMailer({
      url: 'smtp://127.0.0.1:1',
      from: 'a@example.com',
      maxConnections: 1,
      stop: stop.signal,
    })
    await expect(mailer.send(mailTo('ada@example.com'), never)).rejects.toMatchObject({ code: 'SNOOZE' })
    const waiting = mailer.send(mailTo('grace@example.com'), never)
    stop.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'SNOOZE' })
  })

  it('ends with the signal, though the server does not answer', async () => {
    let arrived = (): void => {}
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve
    })
    let answer = (): void => {}
    const { mailer } = await situation({
      onMail: () => {
        arrived()
        return new Promise<void>((resolve) => {
          answer = resolve
        })
      },
    })
    const stop = new AbortController()
    const sending = mailer.send(mailTo('ada@example.com'), stop.signal)
    await arrival
    stop.abort(new Error('the worker stops'))
    await expect(sending).rejects.toThrow('the worker stops')
    answer()
  })

  it('says which server cannot be reached, without the password', async () => {
    const mailer = createMailer({
      url: 'smtp://ada:s3cret@127.0.0.1:1',
      from: 'a@example.com',
      maxConnections: 1,
      stop: never,
    })
    const failure = await mailer.verify().catch((error: unknown) => String(error))
    expect(failure).toMatch(/cannot send mail by 127\.0\.0\.1:1: .*ECONNREFUSED.*Check SMTP_URL/)
    expect(failure).not.toContain('s3cret')
  })
})

describe('the refusals of the catching server', () => {
  const addresses = Array.from({ length: 10_000 }, (_, i) => `user${i}@example.com`)
  const refused = (earlier: number) => addresses.filter((address) => refusalOf(address, earlier)).length / 100

  it('are few, pass mostly, and are the same for an address each time', () => {
    expect(refused(0)).toBeCloseTo(6.6, 0)
    expect(refused(1)).toBeCloseTo(3.6, 0)
    expect(refused(2)).toBeCloseTo(1.6, 0)
    expect(refused(1_000)).toBe(refused(2))
    expect(addresses.map((address) => refusalOf(address, 0))).toEqual(
      addresses.map((address) => refusalOf(address.toUpperCase(), 0)),
    )
  })
})
