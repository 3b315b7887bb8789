// A user without Node.js: what core publishes needs no types but the language's own and a runtime's AbortSignal.
export * as core from '@pgmq/core'
