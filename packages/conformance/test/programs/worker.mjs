// A worker in a process of its own, for tests that stop, kill and continue it. Prints its events, one JSON a line.
// Arguments: URL, queue, options as JSON ({ visibilitySeconds, concurrency, holdMs }).
import { createClient, createWorker, defineTask, unchecked } from '@pgmq/node-pg'

const [url, queue, json] = process.argv.slice(2)
const { visibilitySeconds, concurrency, holdMs = 0 } = JSON.parse(json ?? '{}')
const say = (event, fields) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)

const client = createClient(url, { visibilitySeconds })
const task = defineTask({ name: 'job', queue, input: unchecked() })
const worker = createWorker({
  client,
  tasks: { task },
  concurrency,
  pollIntervalMs: 200,
  handlers: {
    task: async ({ kill, hold }) => {
      if (kill) process.kill(process.pid, 'SIGKILL')
      if (hold || holdMs > 0) await new Promise((resolve) => setTimeout(resolve, hold ?? holdMs))
    },
  },
})
for (const event of ['started', 'succeeded', 'deadLettered', 'leaseLost', 'released', 'crashed']) {
  worker.on(event, ({ message, reason }) => say(event, { id: message.id, reason }))
}
process.once('SIGTERM', async () => {
  await worker.stop()
  await client.close()
  say('stopped', {})
})
await worker.start()
say('ready', {})
