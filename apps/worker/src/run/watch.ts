import { counted } from '../output/format.js'
import { sendWelcomeEmail } from '../tasks.js'
import type { Run } from './send-to-file.js'

/** Works until told to stop, whatever comes. */
export async function watch({ settings, terminal, outfit, stop }: Run): Promise<void> {
  if (stop.signal.aborted) return
  const { worker } = outfit
  const counts = { succeeded: 0, retried: 0, deadLettered: 0 }
  for (const event of ['succeeded', 'retried', 'deadLettered'] as const) worker.on(event, () => void counts[event]++)
  if (worker.health().state === 'idle') await worker.start()
  terminal.line(`Waiting for jobs in queue ${sendWelcomeEmail.queue}; Ctrl-C, or SIGTERM, ends it`)
  await new Promise<void>((resolve) => stop.onStop(() => resolve()))
  await worker.stop({ graceSeconds: settings.graceSeconds })
  const { succeeded, retried, deadLettered } = counts
  terminal.line(
    `Stopped: ${counted(succeeded, 'mail')} delivered, ${counted(retried, 'retry', 'retries')}, ${counted(deadLettered, 'dead letter')}`,
  )
}
