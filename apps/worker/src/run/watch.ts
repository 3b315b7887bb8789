import { counted } from '../output/format.js'
import type { MailCounts } from './mail-counts.js'
import type { Run } from './run.js'

/** Works until told to stop, whatever comes. */
export async function watch({ settings, terminal, outfit, stop }: Run, counts: MailCounts): Promise<void> {
  if (stop.signal.aborted) return
  const { worker, queue } = outfit
  if (worker.health().state === 'idle') await worker.start()
  terminal.line(`Waiting for jobs in queue ${queue}; Ctrl-C, or SIGTERM, ends it`)
  await new Promise<void>((resolve) => stop.onStop(() => resolve()))
  await worker.stop({ graceSeconds: settings.graceSeconds })
  const { succeeded, retried, deadLettered } = counts
  terminal.line(
    `Stopped: ${counted(succeeded, 'mail')} delivered, ${counted(retried, 'retry', 'retries')}, ${counted(deadLettered, 'dead letter')}`,
  )
}
