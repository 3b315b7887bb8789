import type { Terminal } from '../output/terminal.js'
import type { Settings } from '../settings.js'
import type { Outfit } from './outfit.js'
import type { Stop } from './stop.js'

/** One run of the app, with all that its parts share. */
export interface Run {
  readonly settings: Settings
  readonly terminal: Terminal
  readonly outfit: Outfit
  readonly stop: Stop
}
