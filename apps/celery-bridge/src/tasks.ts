// Contracts only: what the bridge enqueues, and what a worker in TypeScript handles.
import { defineTask } from '@pgmq/node-pg'
import { z } from 'zod'

export const sendWelcomeEmail = defineTask({
  name: 'send_welcome_email',
  queue: 'user_tasks',
  input: z.object({ email: z.email(), username: z.string().min(1) }),
})

export const buildReport = defineTask({
  name: 'build_report',
  queue: 'reports',
  input: z.object({ accountId: z.union([z.int(), z.string().regex(/^\d+$/)]), since: z.iso.date().optional() }),
})
