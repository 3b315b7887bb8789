import type { Line } from './lines.js'
import { problemOfText, type Row, toRow } from './row.js'

/** JSON Lines: an object a line, with `email` and `username` (or `name`). */
export async function* jsonRows(lines: AsyncIterable<Line>): AsyncGenerator<Row> {
  for await (const { number: line, text } of lines) {
    if (text.trim() !== '') yield jsonRow(line, text)
  }
}

function jsonRow(line: number, text: string): Row {
  const problem = problemOfText(text)
  if (problem !== undefined) return { line, problem }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { line, problem: 'no JSON object' }
    const { email, username, name } = value as Readonly<Record<string, unknown>>
    return toRow(line, email, username ?? name)
  } catch {
    return { line, problem: 'no JSON' }
  }
}
