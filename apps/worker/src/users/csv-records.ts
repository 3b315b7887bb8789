import { CsvError, parse } from 'csv-parse/sync'
import type { Line, LineReader } from './lines.js'

export type CsvRecord = { readonly line: number } & (
  | { readonly fields: readonly string[]; readonly text: string }
  | { readonly problem: string }
)

/** A quoted field may span so many lines. */
const MOST_LINES = 10

const PROBLEMS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened and not closed',
  CSV_INVALID_CLOSING_QUOTE: 'there is text behind a closing quote',
  INVALID_OPENING_QUOTE: 'a quote is inside a field without quotes',
}

/**
 * Reads one record at a time. A parser that is given the whole file takes all that follows a quote that is not closed
 * for one field; here such a quote costs its own line, and the next one is read as if nothing had happened.
 *
 * `columns`: what looks like a record over several lines is one only when it has so many.
 */
export async function nextRecord(
  reader: LineReader,
  delimiter: string,
  columns?: number,
): Promise<CsvRecord | undefined> {
  const first = await nextFilled(reader)
  if (!first) return undefined
  const record = parseOne(first, delimiter)
  if (!('problem' in record) || record.problem !== PROBLEMS.CSV_QUOTE_NOT_CLOSED) return record
  return (await overSeveralLines(first, reader, delimiter, columns)) ?? record
}

/** The next line that is not blank. */
export async function nextFilled(reader: LineReader): Promise<Line | undefined> {
  let line = await reader.next()
  while (line && line.text.trim() === '') line = await reader.next()
  return line
}

async function overSeveralLines(
  first: Line,
  reader: LineReader,
  delimiter: string,
  columns: number | undefined,
): Promise<CsvRecord | undefined> {
  const taken: Line[] = []
  let text = first.text
  while (taken.length < MOST_LINES - 1) {
    const line = await reader.next()
    if (!line) break
    taken.push(line)
    text += `\n${line.text}`
    if (!line.text.includes('"')) continue
    const record = parseOne({ number: first.number, text }, delimiter)
    if ('fields' in record && (columns === undefined || record.fields.length === columns)) return record
    if ('fields' in record || record.problem !== PROBLEMS.CSV_QUOTE_NOT_CLOSED) break
  }
  reader.putBack(taken)
  return undefined
}

function parseOne({ number: line, text }: Line, delimiter: string): CsvRecord {
  try {
    const [fields = []] = parse(text, { delimiter, record_delimiter: '\n', relax_column_count: true })
    return { line, fields, text }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    return { line, problem: PROBLEMS[error.code] ?? error.message }
  }
}
