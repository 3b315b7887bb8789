// What every script here needs before it can do anything: the pinned pnpm, an up-to-date install, and a way to run a
// program that hands on its exit code and the signals. No dependencies, since it runs before there are any.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

const windows = process.platform === 'win32'
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
const pinnedPnpm = manifest.packageManager.split('@')[1].split('+')[0]
const installRecord = path.join(root, 'node_modules', '.last-install.json')
const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

requireNode(manifest.engines.node.replace('>=', ''))

/**
 * Runs a program to its end and resolves to its exit code. SIGINT, SIGTERM and SIGHUP go on to the program, and this
 * process outlives it, so that nobody is told that it ended while it still winds down.
 *
 * `output: 'onFailure'` keeps quiet unless the program fails. `ownGroup` is for a Node.js program that
 * counts its signals: it leaves the terminal's process group and gets each of them once.
 */
export function run(command, args, { cwd = root, env = process.env, output = 'inherit', ownGroup = false } = {}) {
  const quiet = output === 'onFailure'
  const detached = ownGroup && !windows
  const preload = detached ? ['--import', new URL('end-with-parent.mjs', import.meta.url).href] : []
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...preload, ...args], {
      cwd,
      env,
      detached,
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : detached ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
      // On Windows npx and pnpm are batch files, which only a shell can run.
      shell: windows && command !== process.execPath,
    })
    const chunks = []
    if (quiet) for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk))
    const stopForwarding = forwardSignals(child, { detached })
    child.on('error', (error) => {
      stopForwarding()
      reject(error)
    })
    child.on('close', (code, signal) => {
      const interrupted = stopForwarding()
      const exitCode = code ?? exitCodes[signal] ?? 1
      if (quiet && exitCode !== 0 && interrupted === undefined) process.stderr.write(Buffer.concat(chunks))
      // A program that was told to stop and did so cleanly succeeded, but a step after it must not begin.
      resolve({ exitCode, interrupted })
    })
  })
}

/** Runs the pinned pnpm, inside the repository unless told otherwise. */
export function runPnpm(args, options = {}) {
  const [command, ...first] = pnpmCommand()
  return run(command, [...first, ...args], { env: toolEnvironment(), ...options })
}

/** Installs when the lockfile is not the one that was installed last. Ends the process when that fails. */
export async function installWhenNeeded() {
  const { lockfile } = lastInstall()
  if (lockfile !== undefined && lockfile === lockfileDigest()) return
  console.error('Installing dependencies …')
  const installed = await runPnpm(['install'], { output: 'onFailure' })
  exitUnlessDone(installed)
  writeFileSync(installRecord, JSON.stringify({ pnpm: pinnedPnpm, lockfile: lockfileDigest() }))
}

/**
 * Tells this process to stop when the one that started it is gone, which was killed without a chance to pass a signal on.
 * There is no channel to an npm that would tell.
 */
export function endWithParent() {
  const parent = process.ppid
  const look = () => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
  }
  setInterval(look, 500).unref()
}

/** Ends the process with the program's exit code, unless all is well. */
export function exitUnlessDone({ exitCode, interrupted }) {
  if (exitCode !== 0) process.exit(exitCode)
  if (interrupted !== undefined) process.exit(exitCodes[interrupted])
}

function requireNode(minimum) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [wantedMajor, wantedMinor] = minimum.split('.').map(Number)
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  console.error(`Node.js ${minimum} or newer is needed, this is ${process.versions.node}`)
  process.exit(1)
}

function lastInstall() {
  return existsSync(installRecord) ? JSON.parse(readFileSync(installRecord, 'utf8')) : {}
}

function lockfileDigest() {
  const file = path.join(root, 'pnpm-lock.yaml')
  return existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : undefined
}

let foundPnpm
function pnpmCommand() {
  foundPnpm ??= hasPinnedMajor() ? ['pnpm'] : ['npx', ...npxOptions(), `pnpm@${pinnedPnpm}`]
  return foundPnpm
}

/** npx asks the registry even for what it has; once it has the pinned version, a start works offline. */
function npxOptions() {
  const options = ['--yes', '--loglevel=error']
  return lastInstall().pnpm === pinnedPnpm ? [...options, '--prefer-offline'] : options
}

function hasPinnedMajor() {
  // Asked outside of the repository: inside, corepack's pnpm goes by `packageManager` and may stop to ask.
  const cwd = path.parse(root).root
  const probe = spawnSync('pnpm', ['--version'], {
    cwd,
    env: toolEnvironment(),
    encoding: 'utf8',
    shell: windows,
    timeout: 20_000,
  })
  return probe.status === 0 && probe.stdout.trim().split('.')[0] === pinnedPnpm.split('.')[0]
}

// Where packages come from is the user's to say. All else that npm hands down belongs to the command that it runs, and an
// npx or a pnpm below would take it for its own options.
const npmOwn = /^npm_/i
const ofTheUser =
  /^npm_config_(.*registry|ca|cache|cafile|globalconfig|https_proxy|noproxy|offline|prefer_offline|proxy|strict_ssl|userconfig)$/i

function toolEnvironment() {
  const inherited = Object.entries(process.env).filter(([name]) => !npmOwn.test(name) || ofTheUser.test(name))
  return {
    ...Object.fromEntries(inherited),
    COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
    COREPACK_ENABLE_STRICT: '0',
    DO_NOT_TRACK: '1',
    TURBO_TELEMETRY_DISABLED: '1',
  }
}

/** Returns its undo, which tells the last signal that came. */
function forwardSignals(child, { detached }) {
  let last
  let lastAt = 0
  const handlers = Object.keys(exitCodes).map((signal) => {
    const handler = () => {
      // On Ctrl-C the terminal signals its whole process group, and npm passes on its own copy of it: a program that
      // takes a second signal for "now, at once" would never wind down. One in its own group hears of it here, once.
      const repeated = signal === last && Date.now() - lastAt < 500
      if (detached && repeated) return
      last = signal
      lastAt = Date.now()
      child.kill(signal)
    }
    process.on(signal, handler)
    return [signal, handler]
  })
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
    return last
  }
}
