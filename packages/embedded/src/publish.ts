import { existsSync } from 'node:fs'
import { readdir, rename } from 'node:fs/promises'
import path from 'node:path'

/** Moved first: a directory that is never empty, so of two starts that make the same data directory one fails here. */
const FIRST = 'base'
/** Moved last: what has it is complete. */
const LAST = 'PG_VERSION'

/**
 * Moves a new cluster to its place, entry by entry: a mount point cannot be replaced, and a directory above it need not
 * be writable. Where another start was faster, `published` waits for it, and the draft is left alone.
 */
export async function publish(draft: string, dataDir: string, published: () => Promise<boolean>): Promise<void> {
  try {
    await rename(path.join(draft, FIRST), path.join(dataDir, FIRST))
  } catch (error) {
    if (await published()) return
    throw error
  }
  await moveRest(draft, dataDir)
}

/** Goes on with a move in which a start was killed; what was not moved at all stays a draft. */
export async function completePublished(draft: string, dataDir: string): Promise<void> {
  if (existsSync(path.join(draft, LAST)) && !existsSync(path.join(draft, FIRST))) await moveRest(draft, dataDir)
}

async function moveRest(draft: string, dataDir: string): Promise<void> {
  const names = await readdir(draft)
  for (const name of [...names.filter((each) => each !== LAST), LAST]) {
    await rename(path.join(draft, name), path.join(dataDir, name))
  }
}
