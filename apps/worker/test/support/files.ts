import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

const made: string[] = []
afterAll(() => Promise.all(made.map((directory) => rm(directory, { recursive: true, force: true }))))

/** A directory that the server's user may enter too, where tests run as root. */
export async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'pgmq-app-worker-'))
  await chmod(directory, 0o755)
  made.push(directory)
  return directory
}

export async function writeUsers(name: string, lines: readonly string[]): Promise<string> {
  const file = path.join(await makeDirectory(), name)
  await writeFile(file, `${lines.join('\n')}\n`)
  return file
}

export const addressOf = (n: number): string => `user${n}@example.com`

/** A CSV file of so many users. */
export function writeCsv(users: number, ...more: readonly string[]): Promise<string> {
  const lines = Array.from({ length: users }, (_, i) => `${i + 1},User ${i + 1},${addressOf(i + 1)}`)
  return writeUsers('users.csv', ['id,name,email', ...lines, ...more])
}
