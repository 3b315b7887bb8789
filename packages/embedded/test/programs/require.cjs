const { startPostgres } = require('@pgmq/embedded')

startPostgres({ durable: false }).then(async (postgres) => {
  console.log(JSON.stringify({ version: postgres.version }))
  await postgres.stop()
})
