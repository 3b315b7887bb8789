import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import type { Block, Page } from './pages.js'

const FOLDER = fileURLToPath(new URL('../../snippets', import.meta.url))
const GIVEN = ['globals.d.ts', 'prisma-adapter.d.ts'].map((name) => join(FOLDER, name))

/** Where a virtual file comes from. */
interface Origin {
  readonly page: string
  readonly line: number
  readonly text: string
}

/**
 * Compiles the TypeScript of pages as users would, strictly, and answers what the compiler says, by page and line. A titled
 * block is a file, which the others of its page may import; one without a title is a module that may use what
 * `snippets/globals.d.ts` declares.
 */
export function compilePages(pages: readonly Page[], preludes: Readonly<Record<string, string>>): readonly string[] {
  const files = new Map<string, Origin>()
  for (const { file: page, blocks } of pages) {
    const folder = join(FOLDER, page.replaceAll(/[^a-z]+/gi, '-'))
    files.set(join(folder, 'generated/prisma/client.d.ts'), given('prisma-client.d.ts'))
    for (const block of blocks.filter(({ language }) => language === 'ts')) {
      const text = block.title ? block.code : moduleOf(block, preludes[page] ?? '')
      files.set(join(folder, block.title ?? `line-${block.line}.ts`), { page, line: block.line, text })
    }
  }
  const options = optionsOf()
  const program = ts.createProgram([...GIVEN, ...files.keys()], options, hostOf(files, options))
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n')
    const origin = file && files.get(file.fileName)
    if (!origin) return `${file?.fileName ?? ''}: ${text}`
    return `${origin.page}:${origin.line + file.getLineAndCharacterOfPosition(start).line}: ${text}`
  })
}

/** `…` stands for what a reader fills in. */
function moduleOf({ code }: Block, prelude: string): string {
  return `${prelude}${code.replaceAll('…', '/* … */')}\nexport {}\n`
}

function given(name: string): Origin {
  return { page: name, line: 1, text: readFileSync(join(FOLDER, name), 'utf8') }
}

function optionsOf(): ts.CompilerOptions {
  const base = fileURLToPath(new URL('../../../../tsconfig.base.json', import.meta.url))
  const { config } = ts.readConfigFile(base, (path) => readFileSync(path, 'utf8')) as { config: object }
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, dirname(base))
  return { ...options, types: ['node'], noUnusedLocals: false, noUnusedParameters: false }
}

/** The file system, with the blocks as files in it. */
function hostOf(files: ReadonlyMap<string, Origin>, options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options)
  const folders = new Set([...files.keys()].flatMap((path) => [dirname(path), dirname(dirname(path))]))
  return {
    ...host,
    getCurrentDirectory: () => FOLDER,
    fileExists: (path) => files.has(path) || host.fileExists(path),
    readFile: (path) => files.get(path)?.text ?? host.readFile(path),
    directoryExists: (path) => folders.has(path) || host.directoryExists?.(path) !== false,
    getSourceFile(path, target, onError) {
      const text = files.get(path)?.text
      return text === undefined ? host.getSourceFile(path, target, onError) : ts.createSourceFile(path, text, target)
    },
  }
}
