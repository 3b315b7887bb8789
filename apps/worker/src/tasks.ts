// Contracts only: a producer imports this file and no handler code.
import { defineTask } from '@pgmq/node-pg'
import { z } from 'zod'

/** A name goes into mail headers, and into jsonb, which holds neither NUL nor half of a surrogate pair. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029]/u

export const address = z.email().max(254)
export const username = z
  .string()
  .min(1)
  .max(200)
  .refine((text) => !UNPRINTABLE.test(text), 'has control characters')

const contract = {
  name: 'send_welcome_email',
  input: z.object({ email: address, username }),
  output: z.object({ response: z.string() }),
  timeoutSeconds: 60,
} as const

export const sendWelcomeEmail = defineTask({ ...contract, queue: 'user_tasks' })

/** The same for mails that are caught: on a queue of its own, so that no rehearsal goes out for real, nor the other way. */
export const rehearseWelcomeEmail = defineTask({ ...contract, queue: 'user_tasks_rehearsal' })

export type WelcomeEmailTask = typeof sendWelcomeEmail | typeof rehearseWelcomeEmail
