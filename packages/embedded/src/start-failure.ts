import type { Failed } from './keeper-protocol.js'

/** Why a program that is there cannot be started: ENOENT is about what it needs, and EACCES about where it lies. */
export function startFailure(program: string, { code, message }: Failed): string {
  const failed = `${program} cannot be started`
  if (code === 'ENOENT') {
    return `${failed}: its loader is missing. The binaries need glibc, which musl systems such as Alpine do not have.`
  }
  if (code === 'EACCES') {
    return `${failed}: permission denied. Choose a cacheDir on a file system that is not mounted noexec.`
  }
  return `${failed}: ${message}`
}
