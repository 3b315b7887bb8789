#!/usr/bin/env node
// Plans and times of the statements that a worker lives on, over a queue of a million messages of which the first 900,000
// are leased, on each version of PostgreSQL. Exits with 1 when one of them does not use its index.
import { startPostgres } from '@pgmq/embedded'
import { createClient } from '@pgmq/node-pg'
import pg from 'pg'
import { findBuilds, versions } from './servers.mjs'

findBuilds()
for (const version of versions) await explain(version)

async function explain(major) {
  const server = await startPostgres({ version: major, settings: { shared_buffers: '512MB' } })
  const pool = new pg.Pool({ connectionString: server.url })
  try {
    const client = createClient(pool)
    await client.queues.create('million')
    await pool.query(`insert into pgmq.q_million (vt, read_ct, last_read_at, message)
      select case when n <= 900000 then now() + interval '1 hour' else now() end, (n <= 900000)::int,
        case when n <= 900000 then now() end, jsonb_build_object('task', 'ping', 'n', n) from generate_series(1, 1000000) n`)
    await pool.query('vacuum analyze pgmq.q_million')
    const seen = await statementsOf(pool, client)
    for (const [name, { text, params }] of seen) await show(pool, major, name, text, params)
  } finally {
    await pool.end()
    await server.stop({ mode: 'immediate' })
  }
}

/** What the client sends, as it sends it. What it settles is rolled back, so that the statement can be explained. */
async function statementsOf(pool, client) {
  const seen = new Map()
  const connection = await pool.connect()
  const recorded = (name) =>
    client.with({
      scope: 'connection',
      async query(text, params) {
        if (text.startsWith('with')) seen.set(name, { text, params })
        return (await connection.query({ text, values: [...params], types: { getTypeParser: () => String } })).rows
      },
    })
  const messages = await recorded('lease of 500').dequeueMany('million', { limit: 500 })
  for (const verb of ['archiveMany', 'deleteMany']) {
    await connection.query('begin')
    await recorded(`settle of 500 (${verb})`)[verb](messages)
    await connection.query('rollback')
  }
  connection.release()
  return seen
}

async function show(pool, major, name, text, params) {
  const connection = await pool.connect()
  const plan = async () => {
    await connection.query('begin')
    const { rows } = await connection.query({
      text: `explain (analyze, buffers, costs off, summary on) ${text}`,
      values: [...params],
    })
    await connection.query('rollback')
    return rows.map((row) => row['QUERY PLAN'])
  }
  await plan()
  const lines = await plan()
  connection.release()
  const time = lines.find((line) => line.startsWith('Execution Time'))
  const indexed =
    lines.some((line) => /Index (Only )?Scan using "?q_million/.test(line)) &&
    !lines.some((line) => line.includes('Seq Scan on q_million'))
  console.log(`\nPostgreSQL ${major}, ${name}: ${indexed ? 'index used' : 'NO INDEX'}, ${time}`)
  console.log(lines.map((line) => `  ${line}`).join('\n'))
  if (!indexed) process.exitCode = 1
}
