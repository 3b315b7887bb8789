import type { Logger } from '../logger.js'
import type { MessageRef } from '../message.js'
import { DEFAULTS } from '../options.js'

/** The job succeeded, and only what its handler returned is not kept. */
export function warnOfOutput(logger: Logger | undefined, { queue, id }: MessageRef): void {
  logger?.warn(
    { queue, id },
    `the output of message ${id} is not kept: it is no JSON, or above ${DEFAULTS.outputBytes} bytes`,
  )
}
