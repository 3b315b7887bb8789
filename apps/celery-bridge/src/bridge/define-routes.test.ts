import { expect, it } from 'vitest'
import { sendWelcomeEmail } from '../tasks.js'
import { defineRoutes, signature } from './define-routes.js'

const bind = signature('email', 'username')

it('binds arguments to parameters as Python does', () => {
  const both = { email: 'ada@example.com', username: 'Ada' }
  expect(bind(['ada@example.com', 'Ada'], {})).toEqual(both)
  expect(bind(['ada@example.com'], { username: 'Ada' })).toEqual(both)
  expect(bind([], { username: 'Ada', email: 'ada@example.com' })).toEqual(both)
  expect(bind(['ada@example.com'], {})).toEqual({ email: 'ada@example.com', username: undefined })
})

it('refuses what Python would refuse', () => {
  expect(() => bind(['a', 'b', 'c'], {})).toThrow('takes 2 arguments, got 3')
  expect(() => bind(['a'], { email: 'b' })).toThrow('got "email" twice')
  expect(() => bind([], { emial: 'a' })).toThrow('has no parameter "emial"')
})

it('knows the fields of the input that a route makes', () => {
  defineRoutes({
    // @ts-expect-error username is missing
    forgotten: { task: sendWelcomeEmail, input: signature('email') },
    // @ts-expect-error a field that the input lacks
    misspelt: { task: sendWelcomeEmail, input: () => ({ email: '', usrname: '' }) },
  })
  const routes = defineRoutes({ task: { task: sendWelcomeEmail, input: bind } })
  expect(routes.get('task')?.task).toBe(sendWelcomeEmail)
  expect(routes.get('constructor')).toBeUndefined()
})
