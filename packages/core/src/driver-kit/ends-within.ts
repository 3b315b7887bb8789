/** Whether `work` ends, in whichever way, before `ms` are up. */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: unknown
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const over = (): boolean => true
  const ended = await Promise.race([work.then(over, over), late])
  clearTimeout(timer)
  return ended
}
