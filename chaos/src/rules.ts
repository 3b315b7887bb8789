export interface Rule {
  /** What must never be. */
  readonly never: string
  /** The messages that it befell: `id`, or `n` where there is no id. */
  readonly broken: string
}

/** Who took the message last, before a step of it: the only one that may take that step. */
const HOLDER = `left join lateral (
  select app, read_ct from chaos.log l
  where l.msg_id = e.msg_id and l.op in ('leased', 'renewed') and l.seq < e.seq order by l.seq desc limit 1) held on true`

export const LOST = 'lost: committed, and in no queue, archive or dead-letter queue'

export const RULES: readonly Rule[] = [
  {
    never: LOST,
    broken: `select msg_id::text id from chaos.told t
      where fate = 'told' and not exists (select from chaos.places p where p.msg_id = t.msg_id and p.n = t.n)`,
  },
  {
    never: 'in two places, or twice in one',
    broken: 'select msg_id::text id from chaos.places group by msg_id having count(*) > 1',
  },
  {
    never: 'enqueued twice: one call, two messages',
    broken: `select min(msg_id)::text id from chaos.places where n is not null group by n having count(distinct msg_id) > 1`,
  },
  {
    never: 'refused, or taken back by a failover, yet there',
    broken: `select p.msg_id::text id from chaos.places p join chaos.told t on t.n = p.n
      where t.fate in ('refused', 'reverted')`,
  },
  {
    never: 'archived without its effect, or before it',
    broken: `select msg_id::text id from chaos.places p
      where place = 'archive' and not exists (
        select from chaos.effects e join chaos.log l on l.msg_id = e.msg_id and l.op = 'archived'
        where e.msg_id = p.msg_id and e.receipt = p.receipt and e.at <= l.at)`,
  },
  {
    never: 'dead, though it neither fails, hangs nor kills its process',
    broken: `select p.msg_id::text id from chaos.places p join chaos.told t on t.n = p.n
      where place = 'dead' and t.harm is null`,
  },
  {
    never: 'archived, though it can only fail',
    broken: `select p.msg_id::text id from chaos.places p join chaos.told t on t.n = p.n
      where place = 'archive' and t.harm is not null`,
  },
  {
    never: 'acknowledged, renewed or given back by another than the holder of its lease',
    broken: `select distinct e.msg_id::text id from chaos.log e ${HOLDER}
      where e.op in ('removed', 'renewed', 'returned') and e.app <> 'books'
        and (held.app is distinct from e.app or (e.op <> 'renewed' and held.read_ct is distinct from e.read_ct))`,
  },
  {
    never: 'reported as succeeded, yet archived by another delivery, or not at all',
    broken: `select r.msg_id::text id from chaos.reported r
      where event = 'succeeded'
        and not exists (
          select from chaos.places p where p.place = 'archive' and p.msg_id = r.msg_id and p.receipt = r.receipt)
        and not exists (select from chaos.reverted b where b.msg_id = r.msg_id and b.receipt = r.receipt)`,
  },
  {
    never: 'archived by a delivery that its worker reported as lost',
    broken: `select r.msg_id::text id from chaos.reported r join chaos.places p using (msg_id, receipt)
      where event = 'leaseLost' and p.place = 'archive'`,
  },
]
