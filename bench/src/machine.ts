import os from 'node:os'

/** What the figures were seen on. */
export function describeMachine(): Readonly<Record<string, string>> {
  const cpus = os.cpus()
  return {
    CPU: `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GB`,
    system: `${os.type()} ${os.release()}, ${os.arch()}`,
    load: `${os.loadavg()[0]?.toFixed(2)} before the run`,
  }
}
