/** What a promise rejects with; an error when it does not. */
export async function rejectionOf(work: Promise<unknown>): Promise<Error & { code?: string; sent?: boolean }> {
  try {
    await work
  } catch (error) {
    return error as Error
  }
  throw new Error('it was to reject')
}
