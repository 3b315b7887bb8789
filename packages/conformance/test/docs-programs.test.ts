import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { readPages } from './support/pages.js'
import { missingLine, runProgram } from './support/run-program.js'

// Those of READMEs are run by `pnpm check quickstart`, with packages that were installed.
const pages = readPages().filter(
  ({ file, blocks }) => !file.endsWith('README.md') && blocks.some(({ run }) => run !== undefined),
)
const VITEST = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
/** One starts a server, and a test run of its own. */
const PATIENCE_MS = 180_000
// Beneath this package, so that imports are found; git and the builds ignore the folder.
const FOLDER = fileURLToPath(new URL('../.turbo', import.meta.url))

for (const { file, blocks } of pages)
  describeSuite(`the programs of ${file}`, (h) => {
    let directory = ''
    beforeAll(() => {
      mkdirSync(FOLDER, { recursive: true })
      directory = mkdtempSync(join(FOLDER, 'docs-'))
      chmodSync(directory, 0o755) // a server that it starts may run as another user
      writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
      writeFileSync(join(directory, 'vitest.config.js'), 'export default {}') // not this package's
      for (const { language, title, code } of blocks)
        if (title && (language === 'ts' || language === 'js'))
          writeFileSync(join(directory, nameOf(title)), language === 'ts' ? javaScriptOf(code) : code)
    })
    afterAll(() => rmSync(directory, { recursive: true }))

    const programs = blocks.flatMap(({ title = '', run }) => (run === undefined ? [] : [{ title, run }]))
    it.each(programs)('$title', { timeout: PATIENCE_MS }, async ({ title, run }) => {
      const shown = blocks.find((block) => block.title === `output of ${title}`)?.code ?? ''
      const program = run === 'vitest' ? [VITEST, 'run', nameOf(title)] : [nameOf(title)]
      const options = { directory, url: h.url, until: run === 'until output' ? shown : null }
      const { ended, output } = await runProgram(program, options)
      expect(ended, output).toBe(run === 'until output' ? 'SIGTERM' : 0)
      expect(missingLine(shown, output), output).toBeUndefined()
      if (run !== 'vitest') expect(shown).not.toBe('')
    })
  })

const nameOf = (title: string): string => title.replace(/\.ts$/, '.js')

function javaScriptOf(code: string): string {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  return ts.transpileModule(code, { compilerOptions }).outputText
}
