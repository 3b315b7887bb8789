import type { JsonObject, Task, TaskFor, Tasks } from '@pgmq/core'
import type { GenericSchema } from 'valibot'
import { optionsOf } from '../job-options.js'
import { type Route, route } from '../route.js'
import { answers, enqueueInput, enqueueInputs } from '../schemas.js'

/** Two routes a task, under its name: what they take is checked by its schema. */
export function taskRoutes(tasks: Tasks): readonly Route[] {
  return Object.values(tasks).flatMap(routesOf)
}

function routesOf(task: Task): readonly Route[] {
  const target = task as TaskFor<JsonObject>
  const common = {
    method: 'post',
    action: 'produce',
    queue: task.queue,
    input: task.input as GenericSchema,
    status: 201,
  } as const
  return [
    route({
      ...common,
      path: `/tasks/${task.name}`,
      name: `enqueue_${task.name}`,
      summary: `Adds one job of task "${task.name}" to queue "${task.queue}"`,
      body: enqueueInput,
      answer: answers.enqueued,
      handle: ({ client, body }) => client.enqueue(target, body.input, optionsOf(body)),
    }),
    route({
      ...common,
      path: `/tasks/${task.name}/batch`,
      name: `enqueueMany_${task.name}`,
      summary: `Adds jobs of task "${task.name}" to queue "${task.queue}", all or none`,
      body: enqueueInputs,
      answer: answers.manyEnqueued,
      handle: async ({ client, body: { jobs } }) => {
        const inputs = jobs.map(({ input }) => input)
        const options = jobs.map(optionsOf)
        return { items: await client.enqueueMany(target, inputs, (_, i) => options[i] ?? {}) }
      },
    }),
  ]
}
