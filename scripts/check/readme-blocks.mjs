// Fenced code blocks of a README that say what they are in their info string, which GitHub does not show:
//
//   ```sh title="install"            the `npm install …` lines that make the project
//   ```ts title="tasks.ts"           a file of it
//   ```ts title="app.ts" run         one to be run; it must end by itself, with exit code 0
//   ```ts title="worker.ts" run="until output"   it runs beside those after it, and gets a SIGTERM once its output is
//                                    complete; it must end with exit code 0 then, too
//   ```text title="output of app.ts" lines that it must print, in this order; `…` stands for any text within a line
const fence = /^```(\w+)[ \t]+([^\n]+)\n([\s\S]*?)^```$/gm

export function readmeBlocks(markdown) {
  const blocks = [...markdown.matchAll(fence)].map(([, language, info, text]) => ({
    language,
    title: /\btitle="([^"]+)"/.exec(info)?.[1],
    run: /(?:^|\s)run(?:="([^"]+)")?(?=\s|$)/.exec(info),
    text,
  }))
  const titled = blocks.filter(({ title }) => title !== undefined)
  const install = titled.filter(({ title }) => title === 'install').flatMap(({ text }) => packagesInstalled(text))
  const files = titled.filter(({ language }) => language === 'ts' || language === 'json')
  const programs = files
    .filter(({ run }) => run !== null)
    .map(({ title, run }) => ({
      file: title,
      untilOutput: runMode(title, run[1]),
      output: expectedLines(titled, title),
    }))
  return { install, files, programs }
}

function runMode(title, mode) {
  if (mode !== undefined && mode !== 'until output') throw new Error(`${title}: run="${mode}" is not known`)
  return mode !== undefined
}

function packagesInstalled(text) {
  return text
    .split('\n')
    .filter((line) => /^npm (install|i|add) /.test(line))
    .flatMap((line) =>
      line
        .replace(/\s#.*$/, '')
        .split(/\s+/)
        .slice(2),
    )
    .filter((word) => word !== '' && !word.startsWith('-'))
}

function expectedLines(blocks, title) {
  return blocks
    .filter((block) => block.title === `output of ${title}`)
    .flatMap(({ text }) => text.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '')
}
