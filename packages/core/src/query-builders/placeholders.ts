import { connectionError } from './errors.js'

/** What may hold a `$1` that is none (strings, quoted names, comments, dollar quotes, names), or a placeholder. */
const TOKEN =
  /e'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--.*|\/\*[\s\S]*?\*\/|\$([\p{L}_][\p{L}\d_]*)?\$[\s\S]*?\$\1\$|[\p{L}_][\p{L}\d_$]*|\$(\d+)/giu

export interface Template {
  /** The text around the placeholders: one more than `values`. */
  readonly strings: readonly string[]
  /** As they appear, so one that appears twice is there twice. */
  readonly values: readonly (string | null)[]
}

/** Takes a statement apart at its placeholders `$1`, `$2` …, for builders that number them anew. */
export function splitAtPlaceholders(text: string, params: readonly (string | null)[]): Template {
  const strings: string[] = []
  const values: (string | null)[] = []
  let end = 0
  for (const match of text.matchAll(TOKEN)) {
    if (match[2] === undefined) continue
    const value = params[Number(match[2]) - 1]
    if (value === undefined) throw connectionError(`there is no parameter ${match[0]}`, false)
    strings.push(text.slice(end, match.index))
    values.push(value)
    end = match.index + match[0].length
  }
  return { strings: [...strings, text.slice(end)], values }
}
