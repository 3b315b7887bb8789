export type { ProvidedServer } from './provided.js'
export { createTestDatabase, describeDatabase, type TestDatabase, useTestDatabase } from './test-database.js'
