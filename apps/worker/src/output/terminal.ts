import { createLogUpdate } from 'log-update'

/** Standard output, as people see it: lines that stay, and below them, on a terminal, one block that is redrawn. */
export interface Terminal {
  readonly isInteractive: boolean
  readonly columns: number
  /** A line that stays. */
  line(text?: string): void
  /** Redraws the block; without a terminal there is none. */
  status(text: string): void
  /** Takes the block away. */
  clearStatus(): void
}

export function createTerminal(stream: NodeJS.WriteStream): Terminal {
  // Whoever reads along may leave early, as `head` does; the work goes on.
  stream.on('error', () => {})
  const isInteractive = stream.isTTY === true && process.env.TERM !== 'dumb'
  if (!isInteractive) {
    return {
      isInteractive,
      columns: 100,
      line: (text = '') => void stream.write(`${text}\n`),
      status: () => {},
      clearStatus: () => {},
    }
  }
  const update = createLogUpdate(stream)
  let shown = ''
  return {
    isInteractive,
    get columns() {
      return stream.columns || 80
    },
    line(text = '') {
      update.clear()
      stream.write(`${text}\n`)
      if (shown) update(shown)
    },
    status(text) {
      shown = text
      update(text)
    },
    clearStatus() {
      shown = ''
      update.clear()
      update.done()
    },
  }
}
