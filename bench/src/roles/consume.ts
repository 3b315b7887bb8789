import { clock, type Job, type System } from '../systems/system.js'
import type { Stage } from './stage.js'

export interface ConsumeOptions {
  readonly handlers: number
  /** Numbers of jobs are below it. */
  readonly jobs: number
  /** Work of a handler, as a wait. @defaultValue 0 */
  readonly handlerMs?: number
}

export interface Consumed {
  /** When every `MARK`th job reached its handler, by `clock()`. */
  readonly marks: Float64Array
  /** How often each job came. */
  readonly seen: Uint8Array
  /** Milliseconds from `at` to the handler, of the jobs that have one. */
  readonly delays: Float64Array
}

export const MARK = 64

/** Works until it is told to stop; says now and then how many jobs it has seen. */
export async function consume(
  system: System,
  { handlers, jobs, handlerMs = 0 }: ConsumeOptions,
  stage: Stage,
): Promise<Consumed> {
  const seen = new Uint8Array(jobs)
  const marks: number[] = []
  const delays: number[] = []
  let count = 0
  const onJob = ({ n, at }: Job): void | Promise<void> => {
    seen[n] = (seen[n] ?? 0) + 1
    count++
    if (at > 0) delays.push(clock() - at)
    if (count % MARK === 0) marks.push(clock())
    if (handlerMs > 0) return new Promise((resolve) => setTimeout(resolve, handlerMs))
  }
  stage.tell('ready')
  await stage.go
  const consumer = await system.consume(handlers, onJob)
  let told = 0
  const telling = setInterval(() => {
    if (count > told) stage.tell({ count })
    told = count
  }, 20)
  await stage.stop
  clearInterval(telling)
  await consumer.stop()
  return { marks: Float64Array.from(marks), seen, delays: Float64Array.from(delays) }
}
