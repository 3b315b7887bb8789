export interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
}

/** Longer ones are no lines of users; the rest of such a line is dropped, so memory stays bounded. */
export const LONGEST_LINE = 65_536

/** Splits at line feeds; a carriage return before one and a byte order mark at the start are left out. */
export async function* splitLines(chunks: AsyncIterable<string>): AsyncGenerator<Line> {
  let number = 1
  let rest = ''
  const line = (text: string): Line => ({ number: number++, text: text.replace(/\r$/, '') })
  for await (const chunk of withoutMark(chunks)) {
    const parts = chunk.split('\n')
    parts[0] = (rest + parts[0]).slice(0, LONGEST_LINE + 1)
    rest = parts.pop() ?? ''
    for (const part of parts) yield line(part.slice(0, LONGEST_LINE + 1))
    rest = rest.slice(0, LONGEST_LINE + 1)
  }
  if (rest !== '') yield line(rest)
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
