import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Row } from './row.js'
import { openUsersFile } from './users-file.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'users-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

async function fileOf(name: string, contents: string | Buffer): Promise<string> {
  const file = path.join(directory, name)
  await writeFile(file, contents)
  return file
}

async function rowsOf(name: string, contents: string | Buffer): Promise<Row[]> {
  const rows: Row[] = []
  for await (const row of (await openUsersFile(await fileOf(name, contents))).rows()) rows.push(row)
  return rows
}

const csv = (...lines: string[]): Promise<Row[]> => rowsOf('users.csv', ['id,name,email', ...lines].join('\n'))
const good = (line: number, username: string, email: string): Row => ({ line, user: { email, username } })
const ada = good(2, 'Ada', 'ada@example.com')

describe('a CSV file', () => {
  it('gives a user for each line, known by its number', async () => {
    expect(await csv('1,Ada,ada@example.com', '2,Grace,grace@example.org')).toEqual([
      ada,
      good(3, 'Grace', 'grace@example.org'),
    ])
  })

  it('finds its columns by name, in any order and case, with more of them between', async () => {
    expect(await rowsOf('users.csv', 'E-Mail,city,Full Name\nada@example.com,London,Ada\n')).toEqual([ada])
  })

  it('takes semicolons and tabs, a byte order mark and carriage returns', async () => {
    expect(await rowsOf('users.csv', '\uFEFFname;email\r\nAda;ada@example.com\r\n')).toEqual([ada])
    expect(await rowsOf('users.tsv', 'name\temail\nAda\tada@example.com')).toEqual([ada])
  })

  it('loses no row to a bare carriage return, which ends a line as well', async () => {
    const rows = [ada, good(3, 'Grace', 'grace@example.org')]
    const [first, second] = ['1,Ada,ada@example.com', '2,Grace,grace@example.org']
    for (const end of ['\r', '\r\n', '\n']) {
      expect(await rowsOf('users.csv', ['id,name,email', first, second, ''].join(end))).toEqual(rows)
    }
    expect(await csv(`${first}\r${second}`)).toEqual(rows)
  })

  it('counts a pair of carriage return and line feed once, wherever a chunk of the file ends', async () => {
    const name = 'x'.repeat(190)
    const lines = Array.from({ length: 1_000 }, (_, i) => `${i},${name.slice(i % 90)},ada@example.com`)
    const rows = await rowsOf('users.csv', ['id,name,email', ...lines].join('\r\n'))
    expect(rows.map(({ line }) => line)).toEqual(lines.map((_, i) => i + 2))
  })

  it('finds its header behind any number of blank lines', async () => {
    expect(await rowsOf('users.csv', `${' \n'.repeat(70_000)}name;email\nAda;ada@example.com\n`)).toEqual([
      good(70_002, 'Ada', 'ada@example.com'),
    ])
  })

  it('reads quoted fields with delimiters, quotes and line feeds', async () => {
    expect(await csv('1,"Lovelace, ""Ada""",ada@example.com', '2,"Grace\nHopper",g@example.com')).toEqual([
      good(2, 'Lovelace, "Ada"', 'ada@example.com'),
      { line: 3, problem: 'name "Grace\\nHopper" has control characters' },
    ])
    expect(await csv('1,Ada,"ada@example.com\n"')).toEqual([ada])
  })

  it('passes over empty lines and counts them', async () => {
    expect(await csv('', '1,Ada,ada@example.com', '   ')).toEqual([good(3, 'Ada', 'ada@example.com')])
  })

  it.each([
    ['1,Ada', '2 columns instead of 3'],
    ['1,Ada,ada@example.com,London', '4 columns instead of 3'],
    ['1,Ada,', 'email is missing'],
    ['1,Ada,ada.example.com', '"ada.example.com" is no e-mail address'],
    ['1,Ada,"a@example.com, b@example.com"', '"a@example.com, b@example.com" is no e-mail address'],
    ['1,,ada@example.com', 'name is missing'],
    ['1,Ad\u0000a,ada@example.com', 'name "Ad\\u0000a" has control characters'],
    ['1,"Ada,ada@example.com', 'a quote is opened and not closed'],
    ['1,"Ada"x,ada@example.com', 'there is text behind a closing quote'],
    ['1,Ada "x",ada@example.com', 'a quote is inside a field without quotes'],
  ])('reports %j with its line and goes on behind it', async (bad, problem) => {
    expect(await csv(bad, '2,"Grace",grace@example.com', '3,Ada,ada@example.com')).toEqual([
      { line: 2, problem },
      good(3, 'Grace', 'grace@example.com'),
      good(4, 'Ada', 'ada@example.com'),
    ])
  })

  it('reports what is too long, without keeping it', async () => {
    const rows = await csv(
      `1,${'x'.repeat(201)},a@example.com`,
      `2,${'x'.repeat(70_000)},b@example.com`,
      '3,"C",c@example.com',
    )
    expect(rows).toEqual([
      { line: 2, problem: 'name is longer than 200 characters' },
      { line: 3, problem: 'longer than 65,536 characters' },
      good(4, 'C', 'c@example.com'),
    ])
  })

  it('reports bytes that are no UTF-8', async () => {
    const latin = Buffer.concat([Buffer.from('name,email\nRen'), Buffer.from([0xe9]), Buffer.from(',r@example.com\n')])
    expect(await rowsOf('users.csv', latin)).toEqual([{ line: 2, problem: 'not UTF-8' }])
  })

  it('loses one row to a quote that is never closed, even before a hundred without any', async () => {
    const lines = Array.from({ length: 100 }, (_, i) => `${i},Ada,ada${i}@example.com`)
    const rows = await csv('0,"Broken,b@example.com', ...lines)
    expect(rows).toHaveLength(101)
    expect(rows.filter((row) => 'problem' in row)).toEqual([{ line: 2, problem: 'a quote is opened and not closed' }])
  })
})

describe('a JSON Lines file', () => {
  it('gives a user for each object, and reports the others', async () => {
    const lines = ['{"username":"Ada","email":"ada@example.com"}', '{"name":"Ada","email":', '[1]', '', '{"name":"B"}']
    expect(await rowsOf('users.jsonl', lines.join('\n'))).toEqual([
      good(1, 'Ada', 'ada@example.com'),
      { line: 2, problem: 'no JSON' },
      { line: 3, problem: 'no JSON object' },
      { line: 5, problem: 'email is missing' },
    ])
  })

  it('refuses half a surrogate pair, which jsonb cannot hold', async () => {
    expect(await rowsOf('u.jsonl', '{"name":"\\ud83d","email":"a@example.com"}')).toEqual([
      { line: 1, problem: 'name "\\ud83d" has control characters' },
    ])
  })

  it('is known by its content where the extension says nothing', async () => {
    expect(await rowsOf('users', '{"name":"Ada","email":"ada@example.com"}')).toEqual([
      good(1, 'Ada', 'ada@example.com'),
    ])
  })
})

describe('a file that cannot be used', () => {
  const openingOf = (name: string): Promise<unknown> => openUsersFile(path.join(directory, name))

  it('is named, with the remedy', async () => {
    await expect(openingOf('none.csv')).rejects.toThrow(/none\.csv: there is no such file\. Give the path of a CSV/)
    await expect(openUsersFile(directory)).rejects.toThrow(/it is a directory/)
    await expect(openUsersFile(await fileOf('empty.csv', '\n'))).rejects.toThrow(/is empty/)
    await expect(openUsersFile(await fileOf('a.json', '[{}]'))).rejects.toThrow(/one object a line: jq/)
    await expect(openUsersFile(await fileOf('utf16.csv', Buffer.from('\uFEFFid', 'utf16le')))).rejects.toThrow(/UTF-8/)
  })

  it('is refused when its first line names no columns', async () => {
    await expect(openUsersFile(await fileOf('users.csv', '1,Ada,ada@example.com\n'))).rejects.toThrow(
      /no column "email"\. Its first line is "1,Ada,ada@example\.com"/,
    )
  })
})

it('knows a file by its contents', async () => {
  const [a, b, c] = await Promise.all(
    [fileOf('a.csv', 'name,email\n'), fileOf('b.csv', 'name,email\n'), fileOf('c.csv', 'name,email\n\n')].map(
      async (file) => (await openUsersFile(await file)).digest,
    ),
  )
  expect(a).toBe(b)
  expect(a).not.toBe(c)
})
