import { Failure } from '../failure.js'
import { printable } from '../output/format.js'
import { type CsvRecord, nextFilled, nextRecord } from './csv-records.js'
import { type Line, LineReader } from './lines.js'
import { problemOfText, quoted, type Row, toRow } from './row.js'

const EMAIL_COLUMNS: readonly string[] = ['email', 'e-mail', 'email_address', 'mail']
const NAME_COLUMNS: readonly string[] = ['username', 'name', 'full_name', 'fullname', 'display_name']

/** @throws Failure when the first line names no columns for address and name */
export async function* csvRows(lines: AsyncIterable<Line>, file: string): AsyncGenerator<Row> {
  const reader = new LineReader(lines)
  const { delimiter, columns, email, name } = await readHeader(reader, file)
  for (;;) {
    const record = await nextRecord(reader, delimiter, columns)
    if (!record) return
    yield rowOf(record, { columns, email, name })
  }
}

function rowOf(record: CsvRecord, { columns, email, name }: Omit<Header, 'delimiter'>): Row {
  const { line } = record
  if ('problem' in record) return { line, problem: record.problem }
  const { fields, text } = record
  const problem = problemOfText(text) ?? problemOfColumns(fields.length, columns)
  return problem === undefined ? toRow(line, fields[email], fields[name]) : { line, problem }
}

interface Header {
  readonly delimiter: string
  readonly columns: number
  readonly email: number
  readonly name: number
}

async function readHeader(reader: LineReader, file: string): Promise<Header> {
  const first = await nextFilled(reader)
  if (first) reader.putBack([first])
  const delimiter = delimiterOf(first?.text ?? '')
  const record = await nextRecord(reader, delimiter)
  const names =
    record && 'fields' in record ? record.fields.map((field) => field.trim().toLowerCase().replaceAll(' ', '_')) : []
  const email = names.findIndex((column) => EMAIL_COLUMNS.includes(column))
  const name = names.findIndex((column) => NAME_COLUMNS.includes(column))
  if (email >= 0 && name >= 0) return { delimiter, columns: names.length, email, name }
  const found = first ? `Its first line is ${quoted(first.text)}` : 'It is empty'
  throw new Failure(
    `users file ${printable(file)} has no column ${email < 0 ? '"email"' : '"name"'}. ${found}; it should name the columns, such as: id,name,email`,
  )
}

/** The comma's usual stand-ins: spreadsheets write semicolons where the comma is the decimal sign. */
function delimiterOf(header: string): string {
  return [',', ';', '\t'].find((delimiter) => header.includes(delimiter)) ?? ','
}

function problemOfColumns(found: number, wanted: number): string | undefined {
  return found === wanted ? undefined : `${found} ${found === 1 ? 'column' : 'columns'} instead of ${wanted}`
}
