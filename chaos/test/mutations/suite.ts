import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'
import type { Result } from '../../src/report.js'
import options from '../../tsup.config.js'

const CHAOS = fileURLToPath(new URL('../..', import.meta.url))
const CORE = 'packages/core/src'
const PATCHES = path.join(CHAOS, 'test/mutations')
const MOST_BYTES = 64 * 1_048_576
/** It does not end by itself. */
const LONGEST_MS = 540_000

/** How a run of the program ended. */
export interface Ended {
  readonly code: number
  /** Rules that the books found broken, and claims that did not hold. */
  readonly broken: readonly string[]
  /** All that it said. */
  readonly said: string
}

/** The whole suite, built around a copy of core, which a patch may have changed. */
export class Suite {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** `patch`: the name of a file here, without `.patch`. @throws Error when it does not fit what core is now */
  static async build(patch: string | null): Promise<Suite> {
    const folder = await mkdtemp(path.join(tmpdir(), 'pgmq-mutation-'))
    await cp(path.join(CHAOS, '..', CORE), path.join(folder, CORE), { recursive: true })
    await cp(path.join(CHAOS, 'package.json'), path.join(folder, 'package.json'))
    await symlink(path.join(CHAOS, 'node_modules'), path.join(folder, 'node_modules'))
    if (patch !== null) await apply(patch, folder)
    await build({
      ...options,
      config: false,
      silent: true,
      outDir: path.join(folder, 'dist'),
      esbuildOptions: (esbuild) => {
        esbuild.alias = { '@pgmq/core': path.join(folder, CORE) }
      },
    })
    return new Suite(folder)
  }

  /** As `pnpm chaos` runs it. */
  async run(scenario: string): Promise<Ended> {
    const program = path.join(this.#folder, 'dist/main.js')
    const { code, stdout, stderr } = await exec(process.execPath, [program, scenario, '--seed', '1', '--json'])
    const { results } = JSON.parse(stdout) as { readonly results: readonly Result[] }
    const broken = results.flatMap(({ balance, claims }) => [
      ...balance.faults.map(({ never }) => never),
      ...claims.filter(({ holds, ofRate }) => !holds && !ofRate).map(({ what }) => what),
    ])
    return { code, broken, said: stderr }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function apply(patch: string, folder: string): Promise<void> {
  const { code, stderr } = await exec('git', ['apply', path.join(PATCHES, `${patch}.patch`)], folder)
  if (code !== 0) throw new Error(`${patch}.patch does not fit packages/core any more: make it anew\n${stderr}`)
}

async function exec(
  program: string,
  args: readonly string[],
  cwd: string = CHAOS,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return await new Promise((resolve, reject) => {
    // So that git takes no repository around the folder for its own.
    const env = { ...process.env, GIT_CEILING_DIRECTORIES: path.dirname(cwd) }
    execFile(program, [...args], { cwd, env, maxBuffer: MOST_BYTES, timeout: LONGEST_MS }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}
