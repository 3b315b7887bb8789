/** What came to pgmq later than 1.4.4, by the function that tells it. */
export interface Feature {
  readonly what: string
  /** As the catalog writes it. */
  readonly signature: string
  readonly since: string
  readonly remedy: string
}

const feature = (what: string, signature: string, since: string, remedy: string): Feature => ({
  what,
  signature,
  since,
  remedy: `Update the extension, or ${remedy}`,
})

const UNGROUPED = 'read without groups'
const SEND_EACH = 'send to each queue by its name'
const POLL = 'poll for messages instead'

type FeatureName =
  | 'readGrouped'
  | 'readGroupedRr'
  | 'readGroupedHead'
  | 'topics'
  | 'sendTopic'
  | 'notify'
  | 'notifyThrottle'
  | 'premake'

export const FEATURES: Readonly<Record<FeatureName, Feature>> = {
  readGrouped: feature('readGrouped', 'read_grouped(text, integer, integer)', '1.9.0', UNGROUPED),
  readGroupedRr: feature('readGroupedRr', 'read_grouped_rr(text, integer, integer)', '1.9.0', UNGROUPED),
  readGroupedHead: feature(
    'readGroupedHead',
    'read_grouped_head(text, integer, integer)',
    '1.11.1',
    'read with readGroupedRr, which pgmq 1.9 has',
  ),
  topics: feature('topics', 'bind_topic(text, text)', '1.11.0', SEND_EACH),
  sendTopic: feature(
    'topics',
    'send_batch_topic(text, jsonb[], jsonb[], timestamp with time zone)',
    '1.11.0',
    SEND_EACH,
  ),
  notify: feature('insert notifications', 'disable_notify_insert(text)', '1.7.0', POLL),
  notifyThrottle: feature(
    'a throttle of insert notifications',
    'enable_notify_insert(text, integer)',
    '1.8.0',
    'leave throttleIntervalMs out',
  ),
  premake: feature(
    'premake',
    'create_partitioned(text, text, text, integer)',
    '1.13.0',
    'leave premake out, and set it in part_config of pg_partman',
  ),
}

/** Before pgmq 1.8. */
export const ENABLE_WITHOUT_THROTTLE = 'enable_notify_insert(text)'
