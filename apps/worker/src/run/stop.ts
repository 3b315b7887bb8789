const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

export type StopSignal = keyof typeof EXIT_CODES

/** The wish to stop: the first signal asks, a second one does not wait. */
export interface Stop {
  readonly signal: AbortSignal
  /** Calls back on the first signal, at once if it has come already. */
  onStop(listener: (by: StopSignal) => void): void
}

export function listenForStop(): Stop {
  const controller = new AbortController()
  let by: StopSignal | undefined
  for (const name of Object.keys(EXIT_CODES) as StopSignal[]) {
    process.on(name, () => {
      if (by) process.exit(EXIT_CODES[name])
      by = name
      controller.abort(new Error(`stopped by ${name}`))
    })
  }
  return {
    signal: controller.signal,
    onStop(listener) {
      const tell = (): void => {
        if (by) listener(by)
      }
      if (controller.signal.aborted) tell()
      else controller.signal.addEventListener('abort', tell, { once: true })
    },
  }
}
