import { PermanentError, type PgmqClient } from '@pgmq/node-pg'

/** Lets jobs fail for good, each with its own error. Resolves to the ids of their letters. */
export async function makeLetters(
  client: PgmqClient,
  queue: string,
  jobs: readonly { readonly body: { readonly task: string }; readonly error: string }[],
): Promise<readonly string[]> {
  for (const { body, error } of jobs) {
    await client.enqueue(queue, { ...body })
    const message = await client.dequeue(queue)
    if (!message) throw new Error(`no message of ${queue} to fail`)
    await client.processWithRetry(message, () => {
      throw new PermanentError(error)
    })
  }
  return (await client.deadLetters.list(queue)).items.map(({ id }) => id)
}
