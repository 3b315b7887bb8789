/**
 * What drivers have in common: listening that reconnects, tells whether it listens, and is not fooled by a pooler.
 *
 * @module
 */
export { endsWithin } from './driver-kit/ends-within.js'
export type { Line } from './driver-kit/line.js'
export { ReconnectingNotifier } from './driver-kit/notifier.js'
