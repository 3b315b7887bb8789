/** `verb` on a channel, whatever its name. */
export const onChannel = (verb: 'listen' | 'notify', channel: string): string =>
  `${verb} "${channel.replaceAll('"', '""')}"`

/** The number of the server's process, and a sign of life. */
export const PROCESS_ID = 'select pg_backend_pid()::text pid'
