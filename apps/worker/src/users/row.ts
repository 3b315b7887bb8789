import { address, username } from '../tasks.js'
import { LONGEST_LINE } from './lines.js'

export interface User {
  readonly email: string
  readonly username: string
}

/** One row of the file, known by the line that it begins on. */
export type Row = GoodRow | BadRow

export interface GoodRow {
  readonly line: number
  readonly user: User
}

export interface BadRow {
  readonly line: number
  readonly problem: string
}

export function isGood(row: Row): row is GoodRow {
  return 'user' in row
}

/** Checks what a row says before it is enqueued: one bad row must not cost its neighbours theirs. */
export function toRow(line: number, emailField: unknown, nameField: unknown): Row {
  const email = trimmed(emailField)
  const name = trimmed(nameField)
  const problem = problemOfEmail(email) ?? problemOfName(name)
  return problem === undefined ? { line, user: { email, username: name } } : { line, problem }
}

/** What makes a line unreadable, whatever its format. */
export function problemOfText(text: string): string | undefined {
  if (text.length > LONGEST_LINE) return `longer than ${LONGEST_LINE.toLocaleString('en')} characters`
  if (text.includes('\uFFFD')) return 'not UTF-8'
  return undefined
}

function problemOfEmail(email: string): string | undefined {
  if (email === '') return 'email is missing'
  return address.safeParse(email).success ? undefined : `${quoted(email)} is no e-mail address`
}

function problemOfName(name: string): string | undefined {
  if (name === '') return 'name is missing'
  if (name.length > 200) return 'name is longer than 200 characters'
  return username.safeParse(name).success ? undefined : `name ${quoted(name)} has control characters`
}

function trimmed(field: unknown): string {
  return typeof field === 'string' ? field.trim() : ''
}

/** For a terminal: as JSON, so that nothing in a file can move the cursor. */
export function quoted(text: string): string {
  const characters = [...text]
  const shown = characters.length > 40 ? `${characters.slice(0, 40).join('')}…` : text
  return JSON.stringify(shown).replace(/[\u007f-\u009f]/g, '?')
}
