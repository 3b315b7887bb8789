// The lockfile and the settings name no server: everyone installs from the registry that they use anyway.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../toolchain.mjs'

const suspicious = /\btarball:|https?:\/\/|^\s*@?[\w:/-]*registry\s*[=:]/
const found = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc']
  .filter((file) => existsSync(path.join(root, file)))
  .flatMap((file) =>
    readFileSync(path.join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, index) => (suspicious.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  )
if (found.length > 0) {
  console.error(`These lines bind installs to one server:\n${found.join('\n')}`)
  process.exit(1)
}
console.log('no server named')
