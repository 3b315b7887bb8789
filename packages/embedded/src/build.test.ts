import { describe, expect, it } from 'vitest'
import { platformKey } from './build.js'

describe('platformKey', () => {
  it.each([
    ['linux', 'x64', 'linux-x64'],
    ['darwin', 'arm64', 'darwin-arm64'],
    ['win32', 'x64', 'windows-x64'],
  ])('names the binaries of %s %s', (platform, arch, key) => {
    expect(platformKey(platform, arch)).toBe(key)
  })

  it.each([
    ['freebsd', 'x64'],
    ['linux', 's390x'],
    ['win32', 'arm64'],
  ])('refuses %s %s', (platform, arch) => {
    expect(() => platformKey(platform, arch)).toThrow('there are no PostgreSQL binaries for')
  })
})
