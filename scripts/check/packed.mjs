// What is published can be imported and required, with the right types, by every module resolution: publint and
// arethetypeswrong on the packed tarball of each public package.
import { execFileSync } from 'node:child_process'
import { exitUnlessDone, runPnpm } from '../toolchain.mjs'
import { packPublicPackages, temporaryFolder } from './pack.mjs'

const tarballs = await packPublicPackages(temporaryFolder())
for (const [name, tarball] of tarballs) {
  const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).split('\n')
  const missing = ['package/LICENSE', 'package/README.md'].filter((file) => !files.includes(file))
  const stray = files.filter((file) => /\.test\.|\/test\/|tsconfig|\.turbo/.test(file))
  if (missing.length > 0 || stray.length > 0) {
    console.error(`${name}: missing in the tarball: ${missing.join(', ')}; not for publishing: ${stray.join(', ')}`)
    process.exitCode = 1
  }
  exitUnlessDone(await runPnpm(['exec', 'publint', 'run', tarball, '--strict'], { output: 'onFailure' }))
  // node10 knows no `exports`; it is served by `main` and `types`, for the main entry alone.
  const args = ['exec', 'attw', tarball, '--profile', 'node16', '--exclude-entrypoints', './package.json']
  exitUnlessDone(await runPnpm(args, { output: 'onFailure' }))
}
console.log(`${tarballs.size} packages: ${[...tarballs.keys()].join(', ')}`)
