// What Prisma generates from a schema with one model, in the shape that a snippet of the documentation uses.
import type { fromPrisma } from '@pgmq/core/query-builders'

interface User {
  create(options: { data: { email: string } }): Promise<unknown>
}
type Transaction = Parameters<typeof fromPrisma>[0] & { user: User }

export declare class PrismaClient {
  constructor(options: { adapter: object })
  $transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
}
