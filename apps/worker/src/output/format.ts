/** 1,008 */
export function count(number: number): string {
  return Math.round(number).toLocaleString('en')
}

/** `3 mails`, `1 mail`; with an irregular plural as a third argument. */
export function counted(number: number, noun: string, plural = `${noun}s`): string {
  return `${count(number)} ${number === 1 ? noun : plural}`
}

/** 0.8 s, 12 s, 3 min 5 s, 2 h 10 min */
export function duration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  if (seconds < 59.5) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds) / 60
  if (minutes < 60) return `${Math.floor(minutes)} min ${Math.round(seconds) % 60} s`
  return `${Math.floor(minutes / 60)} h ${Math.floor(minutes % 60)} min`
}

export function rate(things: number, ms: number): string {
  const perSecond = ms > 0 ? things / (ms / 1000) : 0
  return perSecond >= 10 ? count(perSecond) : perSecond.toFixed(1)
}

/** For a terminal: nothing in a name can move its cursor. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?')
}

/** One line of at most so many characters. */
export function shortened(text: string, length: number): string {
  const line = text.replace(/\s+/g, ' ').replace(/[\p{Cc}\u2028\u2029]/gu, '?')
  return line.length > length ? `${line.slice(0, length - 1)}…` : line
}
