import { afterEach } from 'vitest'
import { type Catcher, startCatcher } from '../../src/mail/catcher.js'
import type { Refusal } from '../../src/mail/refusals.js'

/** A server that outlives the app, so that it knows what the app delivered before it was killed. */
export interface TestSmtp extends Catcher {
  /** Addresses whose mails are here and not answered yet. */
  readonly held: readonly string[]
  /** From now on mails are held. */
  hold(): void
  /** Answers those that are held, and all to come. */
  letGo(): void
}

export interface TestSmtpOptions {
  /** Takes so many mails, then holds all others. */
  readonly holdAfter?: number
  readonly refusal?: (address: string, earlier: number) => Refusal | undefined
}

const opened: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

export async function startTestSmtp({ holdAfter, refusal = () => undefined }: TestSmtpOptions = {}): Promise<TestSmtp> {
  let left = holdAfter ?? Number.POSITIVE_INFINITY
  const held = new Map<string, () => void>()
  const letGo = (): void => {
    left = Number.POSITIVE_INFINITY
    for (const answer of held.values()) answer()
    held.clear()
  }
  const catcher = await startCatcher({
    refusal,
    onMail: async (address) => {
      if (left-- > 0) return
      await new Promise<void>((resolve) => held.set(address, resolve))
    },
  })
  opened.push(async () => {
    letGo()
    await catcher.close()
  })
  return {
    ...catcher,
    get held() {
      return [...held.keys()]
    },
    hold: () => {
      left = 0
    },
    letGo,
  }
}
