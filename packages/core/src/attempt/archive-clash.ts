import type { Logger } from '../logger.js'

/** A finished message whose id the archive holds already is passed over: said, since it leaves no trace. */
export function warnOfClash(logger: Logger | undefined, queue: string, count: number): void {
  if (count > 0)
    logger?.warn(
      { queue, count },
      `${count} finished messages of '${queue}' are not in its archive, which holds others of the same ids: the queue was dropped and created again, or its sequence was reset`,
    )
}
