/** What a caller gave, as JSON where it has some: for an error's text, whatever it was. */
export function shown(given: unknown): string {
  if (typeof given === 'bigint') return `${given}n`
  try {
    return JSON.stringify(given) ?? String(given)
  } catch {
    return shownPlainly(given)
  }
}

/** The same without quotes. */
export function shownPlainly(given: unknown): string {
  try {
    return String(given)
  } catch {
    return `of type ${typeof given}`
  }
}
