import { startPostgres } from '@pgmq/embedded'
import { ask } from './server.js'

interface Place {
  readonly place: 'queue' | 'archive' | 'dead'
  readonly msg_id: string
  /** The producer's number. */
  readonly n: number
  readonly receipt: string | null
}

/** What went down with a primary: what its standby had never heard of. */
export interface Reverted {
  /** Jobs. */
  readonly numbers: ReadonlySet<number>
  /** Acknowledgements, of jobs that the standby has or has not. */
  readonly archived: readonly { readonly msg_id: string; readonly receipt: string }[]
}

/** Compares a dead primary, as its disk has it, with its standby, before that is promoted. */
export async function revertedBy(primaryDataDir: string, standbyPort: number): Promise<Reverted> {
  const [former, heard] = [await placesOn(primaryDataDir), await places(standbyPort)]
  const numbers = new Set(heard.map(({ n }) => n))
  const archived = new Set(heard.filter(({ place }) => place === 'archive').map(nameOf))
  return {
    numbers: new Set(former.map(({ n }) => n).filter((n) => !numbers.has(n))),
    archived: former.flatMap((job) =>
      job.place === 'archive' && job.receipt && !archived.has(nameOf(job))
        ? [{ msg_id: job.msg_id, receipt: job.receipt }]
        : [],
    ),
  }
}

const nameOf = ({ msg_id, receipt }: Place): string => `${msg_id}/${receipt}`

/** On another port than it had, so that nobody finds it. */
async function placesOn(dataDir: string): Promise<Place[]> {
  await using server = await startPostgres({ dataDir })
  return await places(server.port)
}

async function places(port: number): Promise<Place[]> {
  return await ask(port, 'select place, msg_id, n::int n, receipt from chaos.places')
}
