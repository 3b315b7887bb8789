import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Program, start } from './processes.js'

const HERE = fileURLToPath(new URL('../python', import.meta.url))
const NEEDS = 'import celery, kombu, psycopg; print(celery.__version__, kombu.__version__, psycopg.__version__)'

interface Python {
  readonly command: string
  /** Versions of Celery, Kombu and psycopg. */
  readonly versions: string
}

function findPython(): Python | undefined {
  for (const command of ['python3', '/usr/bin/python3']) {
    const { status, stdout } = spawnSync(command, ['-c', NEEDS], { encoding: 'utf8' })
    if (status === 0) return { command, versions: stdout.trim() }
  }
  return undefined
}

/** With what the tests of real Celery need. */
export const python = findPython()

export const CELERY = python
  ? `Celery, Kombu and psycopg ${python.versions}`
  : 'Celery (skipped: there is no Python 3 with celery, kombu and psycopg; on Debian python3-celery and python3-psycopg)'

export interface Call {
  readonly task: string
  readonly args?: readonly unknown[]
  readonly kwargs?: object
  readonly [option: string]: unknown
}

function startPython(databaseUrl: string, args: readonly string[], queue: string, input = ''): Program {
  const env = { DATABASE_URL: databaseUrl, KOMBU_QUEUE: queue, PYTHONPATH: HERE, PYTHONDONTWRITEBYTECODE: '1' }
  return start((python as Python).command, args, { env, cwd: HERE, input })
}

/** Sends calls by a Celery app. Resolves to the ids that it gave them. */
export async function send(databaseUrl: string, queue: string, calls: readonly Call[]): Promise<string[]> {
  const input = calls.map((call) => JSON.stringify(call)).join('\n')
  const producer = startPython(databaseUrl, ['produce.py'], queue, input)
  const exitCode = await producer.ended
  if (exitCode !== 0) throw new Error(`the Celery app ended with ${exitCode}:\n${producer.output()}`)
  return producer.output().trim().split('\n')
}

/** `celery -A tasks worker`, which has connected when this resolves. */
export async function startCeleryWorker(databaseUrl: string, queue: string): Promise<Program> {
  const quiet = ['--without-gossip', '--without-mingle', '--without-heartbeat']
  const args = ['-m', 'celery', '-A', 'tasks', 'worker', '--pool=solo', '--loglevel=INFO', '-Q', queue, ...quiet]
  const worker = startPython(databaseUrl, args, queue)
  await worker.says(' ready.')
  return worker
}
