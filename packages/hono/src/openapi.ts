import { Hono } from 'hono'
import type { DescribeRouteOptions, resolver as resolverOf } from 'hono-openapi'
import type { OpenAPIV3_1 } from 'openapi-types'
import type { GenericSchema } from 'valibot'
import { type Route, route } from './route.js'

type JsonSchema = OpenAPIV3_1.SchemaObject
type Resolver = typeof resolverOf

/** `GET /openapi.json`: made of the same schemas that requests are checked by, when somebody first asks. */
export function openApiRoute(routes: readonly Route[]): Route {
  let document: Promise<object> | undefined
  const path = '/openapi.json'
  const self = route({
    method: 'get',
    path,
    action: 'read',
    name: 'openApi',
    summary: 'This document',
    answer: 'application/json',
    handle: async ({ c }) => {
      document ??= describe([...routes, self])
      const mountedAt = c.req.path.slice(0, -path.length)
      return { ...(await document), servers: [{ url: mountedAt || '/' }] }
    },
  })
  return self
}

async function describe(routes: readonly Route[]): Promise<object> {
  // Loaded when somebody asks: most processes never need it.
  const { describeRoute, generateSpecs, resolver } = await import('hono-openapi')
  const components = { schemas: { Problem: PROBLEM } as Record<string, JsonSchema> }
  const convert = converter(resolver, components)
  const described = new Hono()
  for (const each of routes)
    described.on(each.method.toUpperCase(), each.path, describeRoute(await operationOf(each, convert)))
  const documentation = {
    ...INFO,
    components: { ...components, responses: { Problem: PROBLEM_RESPONSE }, securitySchemes: { bearer: BEARER } },
    security: [{ bearer: [] }],
  }
  return await generateSpecs(described, { documentation, excludeStaticFile: false })
}

type Convert = (schema: GenericSchema) => Promise<JsonSchema>

/** Named schemas go to `components`. What has no word in JSON Schema is left out; what requests send counts, not what schemas make of it. */
function converter(resolver: Resolver, components: OpenAPIV3_1.ComponentsObject): Convert {
  const options = {
    errorMode: 'ignore',
    typeMode: 'input',
    io: 'input',
    overrideSchema: ({ valibotSchema }: { readonly valibotSchema: { readonly type: string } }) =>
      valibotSchema.type === 'custom' ? { type: 'object' } : undefined,
  }
  return async (schema) => (await resolver(schema).toOpenAPISchema({ components, options })).schema
}

async function operationOf(each: Route, convert: Convert): Promise<DescribeRouteOptions> {
  const { name, summary, action, query, body, status = 200, answer } = each
  const problem = { $ref: '#/components/responses/Problem' }
  return {
    operationId: name,
    summary,
    tags: [each.path.split('/')[1]?.split('.')[0] ?? ''],
    ...(action === null && { security: [] }),
    ...(query && { parameters: parametersOf(await convert(query)) }),
    ...(body && { requestBody: requestBodyOf(await bodySchemaOf(each, convert)) }),
    responses: {
      [status]: { description: summary, content: await contentOf(answer, convert) },
      '4XX': problem,
      '5XX': problem,
    },
  }
}

function parametersOf({ properties = {}, required = [] }: JsonSchema): OpenAPIV3_1.ParameterObject[] {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: schema as OpenAPIV3_1.ParameterObject['schema'] & object,
  }))
}

function requestBodyOf(schema: JsonSchema): OpenAPIV3_1.RequestBodyObject {
  return { required: (schema.required ?? []).length > 0, content: { 'application/json': { schema } } }
}

async function contentOf(answer: Route['answer'], convert: Convert): Promise<Record<string, { schema: JsonSchema }>> {
  if (typeof answer !== 'string') return { 'application/json': { schema: await convert(answer) } }
  return { [answer]: { schema: { type: answer === 'application/json' ? 'object' : 'string' } } }
}

/** A task's own schema where there is one, in whichever library, else any object. */
async function bodySchemaOf({ body, input }: Route, convert: Convert): Promise<JsonSchema> {
  const schema = await convert(body as GenericSchema)
  if (!input) return schema
  const own = await convert(input).catch((): JsonSchema => ({ type: 'object' }))
  return withInput(schema, own)
}

function withInput(schema: JsonSchema, own: JsonSchema): JsonSchema {
  const { input, jobs } = schema.properties ?? {}
  if (input) return { ...schema, properties: { ...schema.properties, input: own } }
  const list = jobs as OpenAPIV3_1.ArraySchemaObject
  return {
    ...schema,
    properties: { ...schema.properties, jobs: { ...list, items: withInput(list.items, own) } },
  }
}

const INFO = {
  openapi: '3.1.0',
  info: {
    title: 'Queues',
    version: '1.0.0',
    description: 'Queues of PostgreSQL with pgmq: jobs, leases, dead letters and metrics.',
  },
}

const BEARER: OpenAPIV3_1.SecuritySchemeObject = { type: 'http', scheme: 'bearer' }

const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'RFC 9457, with a code that tells errors apart.',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string', const: 'about:blank' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    requestId: { type: 'string' },
    index: { type: 'integer' },
    issues: {
      type: 'array',
      items: {
        type: 'object',
        required: ['message', 'path'],
        properties: {
          message: { type: 'string' },
          path: { type: 'array', items: { type: ['string', 'integer'] } },
        },
      },
    },
  },
}

const PROBLEM_RESPONSE: OpenAPIV3_1.ResponseObject = {
  description: 'It was refused, or failed.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}
