/** Runs in a process of its own, on the built package: <url> close|idle|work */
exports.script = async ({ createClient, createWorker, defineTask, unchecked }) => {
  const [url, what] = process.argv.slice(2)
  const client = createClient(url)
  if (what === 'work')
    return work(client, createWorker, defineTask({ name: 'greet', queue: 'work', input: unchecked() }))
  await client.enqueue('from_a_process', { task: 'greet' })
  console.log('enqueued')
  if (what === 'idle') return
  const message = await client.dequeue('from_a_process', { waitSeconds: 5 })
  console.log(message ? 'heard' : 'nothing')
  await client.close()
  console.log('closed')
}

async function work(client, createWorker, greet) {
  let handled
  const once = new Promise((resolve) => {
    handled = resolve
  })
  const worker = createWorker({ client, tasks: { greet }, handlers: { greet: async () => handled() } })
  await worker.start()
  console.log('started')
  await once
  console.log('handled')
  await worker.stop()
  await client.close()
  console.log('closed')
}
