import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { codeOf, Failure, textOf } from '../failure.js'
import { printable } from '../output/format.js'
import { csvRows } from './csv-rows.js'
import { jsonRows } from './json-rows.js'
import { splitLines } from './lines.js'
import type { Row } from './row.js'

export interface UsersFile {
  /** As people gave it. */
  readonly name: string
  /** SHA-256 of its contents: a restart knows the file by it, wherever it lies. */
  readonly digest: string
  /** Its rows in order, read as they are asked for. */
  rows(): AsyncGenerator<Row>
}

type Format = 'csv' | 'json'

const REMEDY = 'Give the path of a CSV or JSON Lines file, or none for the sample'

/** @throws Failure when it cannot be read, or is no file of users */
export async function openUsersFile(name: string): Promise<UsersFile> {
  try {
    const format = await formatOf(name)
    const digest = await digestOf(name)
    // The first line is looked at now, before anything is begun for this file.
    await rowsOf(name, format).next()
    return { name, digest, rows: () => rowsOf(name, format) }
  } catch (error) {
    throw error instanceof Failure ? error : unreadable(name, error)
  }
}

async function* rowsOf(name: string, format: Format): AsyncGenerator<Row> {
  const chunks: AsyncIterable<string> = createReadStream(name, 'utf8')
  try {
    const lines = splitLines(chunks)
    yield* format === 'csv' ? csvRows(lines, name) : jsonRows(lines)
  } catch (error) {
    throw codeOf(error) === undefined ? error : unreadable(name, error)
  }
}

async function formatOf(name: string): Promise<Format> {
  const text = await startOf(name)
  if (text === '') throw new Failure(`users file ${printable(name)} is empty. ${REMEDY}`)
  if (text.startsWith('[')) {
    const shown = printable(name)
    throw new Failure(
      `users file ${shown} is one JSON array; give one object a line: jq -c '.[]' ${shown} > users.jsonl`,
    )
  }
  if (/^\.(csv|tsv)$/i.test(path.extname(name))) return 'csv'
  return /^\.(jsonl|ndjson|json)$/i.test(path.extname(name)) || text.startsWith('{') ? 'json' : 'csv'
}

/** From its first character on that is not blank. */
async function startOf(name: string): Promise<string> {
  const chunks: AsyncIterable<Buffer> = createReadStream(name)
  let isFirst = true
  for await (const chunk of chunks) {
    if (isFirst && (chunk[0] === 0xff || chunk[0] === 0xfe)) {
      throw new Failure(`users file ${printable(name)} is no UTF-8 text. Save it as UTF-8, or convert it with iconv`)
    }
    isFirst = false
    const text = chunk
      .toString('utf8')
      .replace(/^\uFEFF/, '')
      .trimStart()
    if (text !== '') return text
  }
  return ''
}

async function digestOf(name: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(name), hash)
  return hash.digest('hex')
}

function unreadable(name: string, error: unknown): Failure {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EISDIR: 'it is a directory',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
  }
  const reason = reasons[codeOf(error) ?? ''] ?? textOf(error)
  return new Failure(`cannot read users file ${printable(name)}: ${reason}. ${REMEDY}`, { cause: error })
}
