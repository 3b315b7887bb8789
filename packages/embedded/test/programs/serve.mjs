// node serve.mjs <options as JSON> <what to do once the server runs: stay | leave | drain>
import { startPostgres } from '@pgmq/embedded'
import pg from 'pg'

const [options, then] = process.argv.slice(2)
const { url, pid, dataDir } = await startPostgres(JSON.parse(options))

if (then !== 'leave') setInterval(() => {}, 1000)
if (then === 'drain') {
  process.on('SIGINT', async () => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const { rows } = await client.query('select 42 as answer')
    console.log(JSON.stringify(rows[0]))
    process.exit(0)
  })
}
console.log(JSON.stringify({ url, pid, dataDir }))
