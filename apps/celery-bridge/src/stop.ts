const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/** Aborts on the first signal; a second one does not wait. */
export function listenForStop(): AbortSignal {
  const controller = new AbortController()
  for (const [name, exitCode] of Object.entries(EXIT_CODES)) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(exitCode)
      controller.abort(new Error(`stopped by ${name}`))
    })
  }
  return controller.signal
}
