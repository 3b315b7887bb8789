/** Each name is a plan that every connection's server process keeps, so a client of very many queues stops naming. */
const MOST_NAMES = 100

/**
 * Names for statements that are worth preparing. By text, so that all clients on one pool agree, be there one a request;
 * `undefined` where a name would be one too many, or is another text's.
 */
export function statementNames(): (text: string) => string | undefined {
  const texts = new Map<string, string>()
  return (text) => {
    const name = `pgmq_${text.length}_${hash(text)}`
    if (!texts.has(name) && texts.size < MOST_NAMES) texts.set(name, text)
    return texts.get(name) === text ? name : undefined
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let sum = 0x811c9dc5
  for (const character of text) sum = Math.imul(sum ^ character.charCodeAt(0), 0x01000193)
  return sum >>> 0
}
