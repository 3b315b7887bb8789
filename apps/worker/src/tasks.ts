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

export const sendWelcomeEmail = defineTask({
  name: 'send_welcome_email',
  queue: 'user_tasks',
  input: z.object({ email: address, username }),
  output: z.object({ response: z.string() }),
  timeoutSeconds: 60,
})
