import { describe, expect, it } from 'vitest'
import { deadLetterName, existingQueueName, queueName } from './queue-name.js'

describe('queueName', () => {
  it('puts the prefix before the name', () => {
    expect(queueName('user_tasks', 'unison')).toEqual({ logical: 'user_tasks', physical: 'unison_user_tasks' })
    expect(queueName('user_tasks', undefined).physical).toBe('user_tasks')
  })

  it('leaves room for the dead-letter queue', () => {
    const longest = 'q'.repeat(43)
    expect(queueName(longest, undefined).physical).toBe(longest)
    expect(queueName(deadLetterName(longest), undefined).physical).toHaveLength(47)
    expect(() => queueName('q'.repeat(44), undefined)).toThrow('has 44 characters, 43 are allowed')
    expect(() => queueName('q'.repeat(40), 'unison')).toThrow('has 47 characters, 43 are allowed')
  })

  it.each(['', 'Emails', '1st', 'a-b', 'a b', 'a"b', "a'b", 'ä', 'a;drop', '_a'])('refuses %j', (name) => {
    expect(() => queueName(name, undefined)).toThrow(expect.objectContaining({ code: 'QUEUE_NAME_INVALID' }))
  })

  it.each(['x_vt_idx', 'x_pkey', 'x_msg_id_seq', 'x_default'])(
    'refuses %s, which would collide with a name of pgmq',
    (name) => {
      expect(() => queueName(name, undefined)).toThrow('names may not end in')
    },
  )

  it('suggests a name that is allowed', () => {
    expect(() => queueName('My E-Mails!', undefined)).toThrow('Use "my_e_mails"')
  })
})

it('lets queues that others made be read', () => {
  expect(existingQueueName('MyQueue', undefined).physical).toBe('MyQueue')
  expect(() => existingQueueName('a\u0000', undefined)).toThrow('a text that is not empty')
})
