export interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
}

/** Longer ones are no lines of users; the rest of such a line is dropped, so memory stays bounded. */
export const LONGEST_LINE = 65_536

/** One at the very end may be half of a pair. */
const LINE_END = /\r\n|\n|\r(?!$)/

/** Splits at line feeds, carriage returns and pairs of them; a byte order mark at the start is left out. */
export async function* splitLines(chunks: AsyncIterable<string>): AsyncGenerator<Line> {
  let number = 1
  let rest = ''
  const line = (text: string): Line => ({ number: number++, text: text.slice(0, LONGEST_LINE + 1) })
  for await (const chunk of withoutMark(chunks)) {
    const parts = (rest + chunk).split(LINE_END)
    rest = parts.pop() ?? ''
    for (const part of parts) yield line(part)
    if (rest.length > LONGEST_LINE) rest = rest.slice(0, LONGEST_LINE + 1) + (rest.endsWith('\r') ? '\r' : '')
  }
  if (rest !== '') yield line(rest.replace(/\r$/, ''))
}

async function* withoutMark(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let first = true
  for await (const chunk of chunks) {
    yield first ? chunk.replace(/^\uFEFF/, '') : chunk
    first = false
  }
}

/** Lines that can be put back: a record may turn out to end earlier than it seemed. */
export class LineReader {
  readonly #lines: AsyncIterator<Line>
  #ahead: Line[] = []

  constructor(lines: AsyncIterable<Line>) {
    this.#lines = lines[Symbol.asyncIterator]()
  }

  async next(): Promise<Line | undefined> {
    const line = this.#ahead.shift()
    if (line) return line
    const result = await this.#lines.next()
    return result.done ? undefined : result.value
  }

  putBack(lines: readonly Line[]): void {
    this.#ahead = [...lines, ...this.#ahead]
  }
}
