import { defineTask, unchecked } from '@pgmq/node-pg'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'

export const sendWelcomeEmail = defineTask({
  name: 'send_welcome_email',
  queue: 'user_tasks',
  input: z.object({ email: z.email(), username: z.string().default('friend') }),
})

export const resizeImage = defineTask({
  name: 'resize_image',
  queue: 'media',
  input: v.object({ key: v.string(), width: v.pipe(v.number(), v.minValue(1)) }),
})

export const indexProduct = defineTask({
  name: 'index_product',
  queue: 'search',
  input: type({ productId: 'string', 'locale?': 'string' }),
})

export const ping = defineTask({ name: 'ping', queue: 'user_tasks', input: unchecked<{ at: string }>() })
