import { QUEUE } from './job.js'

/**
 * What the books are kept in. Triggers write down each step of each message with the name of the connection that took it,
 * so that an acknowledgement by anybody but the last to lease shows, whatever the workers themselves believe.
 *
 * They run once a statement, not once a row, and leave out the heartbeat: extending a lease is no step of a message.
 */
export const BOOKS_SCHEMA = `
select pgmq.create('${QUEUE}');
select pgmq.create('${QUEUE}_dlq');
create schema chaos;

create table chaos.log (
  seq bigint generated always as identity,
  op text not null check (op in ('enqueued', 'leased', 'renewed', 'returned', 'removed', 'archived', 'dead')),
  msg_id bigint not null,
  read_ct int,
  app text not null default current_setting('application_name'),
  at timestamptz not null default clock_timestamp());
create index on chaos.log (msg_id, op, seq);

-- One row for each delivery whose handler came to its end. Its receipt is what names a delivery: after a crash or a
-- failover that took a lease back, the next one has the same read count.
create table chaos.effects (
  msg_id bigint not null, receipt text not null, read_ct int not null, worker text not null,
  at timestamptz not null default clock_timestamp(), primary key (msg_id, receipt));

-- The producers' own records.
create table chaos.told (n text primary key, fate text not null, msg_id bigint, harm text);
create index on chaos.told (msg_id);

-- What workers reported.
create table chaos.reported (
  event text not null, msg_id bigint not null, receipt text not null, read_ct int not null, worker text not null,
  at timestamptz not null, detail text);
create index on chaos.reported (msg_id, event);

-- What a primary that died had archived, and its standby had never heard of.
create table chaos.reverted (msg_id bigint not null, receipt text not null, primary key (msg_id, receipt));

-- As the library writes them.
create function chaos.receipt(read_ct int, leased_at timestamptz) returns text language sql stable as $$
  select read_ct || '-' || (date_part('epoch', leased_at) * 1000000)::int8 $$;

create view chaos.places as
  select 'queue' place, msg_id, message->>'n' n, read_ct, chaos.receipt(read_ct, last_read_at) receipt, headers,
    null::jsonb letter from pgmq.q_${QUEUE}
  union all select 'archive', msg_id, message->>'n', read_ct, chaos.receipt(read_ct, last_read_at), headers, null
    from pgmq.a_${QUEUE}
  union all select 'dead', (message->>'original_msg_id')::bigint, message->'message'->>'n', null, null, headers, message
    from pgmq.q_${QUEUE}_dlq;

create function chaos.on_insert() returns trigger language plpgsql as $$ begin
  insert into chaos.log (op, msg_id, read_ct) select tg_argv[0], msg_id, read_ct from after; return null;
end $$;
create function chaos.on_dead() returns trigger language plpgsql as $$ begin
  insert into chaos.log (op, msg_id) select 'dead', (message->>'original_msg_id')::bigint from after; return null;
end $$;
create function chaos.on_delete() returns trigger language plpgsql as $$ begin
  insert into chaos.log (op, msg_id, read_ct) select 'removed', msg_id, read_ct from before; return null;
end $$;
-- A lease that had not run out is taken again only by who holds it: a suspect's record, a retry at once.
create function chaos.on_update() returns trigger language plpgsql as $$ begin
  insert into chaos.log (op, msg_id, read_ct)
  select case when a.last_read_at is null then 'returned'
              when b.last_read_at is not null and b.vt > clock_timestamp() then 'renewed' else 'leased' end,
         a.msg_id, a.read_ct
  from before b join after a on a.msg_id = b.msg_id
  where a.read_ct > b.read_ct or (a.last_read_at is null and b.last_read_at is not null);
  return null;
end $$;

create trigger chaos after insert on pgmq.q_${QUEUE} referencing new table as after
  for each statement execute function chaos.on_insert('enqueued');
create trigger chaos after insert on pgmq.a_${QUEUE} referencing new table as after
  for each statement execute function chaos.on_insert('archived');
create trigger chaos after insert on pgmq.q_${QUEUE}_dlq referencing new table as after
  for each statement execute function chaos.on_dead();
create trigger chaos_delete after delete on pgmq.q_${QUEUE} referencing old table as before
  for each statement execute function chaos.on_delete();
create trigger chaos_update after update on pgmq.q_${QUEUE} referencing old table as before new table as after
  for each statement execute function chaos.on_update();
`
