// Contracts only. A producer imports this file and no handler code.
import { defineTask, unchecked } from '@pgmq/node-pg'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'

export const sendWelcomeEmail = defineTask({
  name: 'send_welcome_email',
  queue: 'user_tasks',
  input: z.object({ email: z.email(), username: z.string() }),
  retry: { maxRetries: 5, backoff: { baseSeconds: 2, maxSeconds: 300 } },
  timeoutSeconds: 30,
})

export const generateReport = defineTask({
  name: 'generate_report',
  queue: 'reports',
  input: z.object({ month: z.iso.date().transform((s) => new Date(s)), format: z.enum(['pdf', 'csv']).default('pdf') }),
  output: z.object({ url: z.url(), pages: z.number() }),
})

export const resizeImage = defineTask({
  name: 'resize_image',
  queue: 'media',
  input: v.object({ key: v.string(), width: v.pipe(v.number(), v.minValue(1)) }),
  version: 2,
  upgrades: { 1: (body) => ({ ...body, width: 640 }) },
})

export const indexProduct = defineTask({
  name: 'index_product',
  queue: 'search',
  input: type({ productId: 'string', 'locale?': 'string' }),
})

interface Ping {
  readonly at: string
}
export const ping = defineTask({ name: 'ping', queue: 'user_tasks', input: unchecked<Ping>() })
