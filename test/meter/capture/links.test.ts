import { expect, test } from 'vitest'
import { findLink, linkNames, TYPE_LOOPBACK } from '../../../src/meter/capture/links.js'
import { chooseInterfaces } from '../../../src/meter/run/interfaces.js'

test('name, index, type, kind and counters of an interface come in one answer', () => {
  expect(linkNames()).toContain('lo')
  const lo = findLink('lo')!
  expect(lo).toMatchObject({ name: 'lo', index: 1, type: TYPE_LOOPBACK, kind: '' })
  expect(lo.mtu).toBeGreaterThan(0)
  expect(lo.rxBytes).toBe(lo.txBytes)
})

test('a name that no interface has, or can have', () => {
  for (const name of ['nope0', '', 'n'.repeat(16), 'a/b', 'ü'.repeat(40)])
    expect(findLink(name)).toBeNull()
})

test('"any" is there without being an interface, and no pattern means it', () => {
  expect(findLink('any')).toBeNull()
  expect(chooseInterfaces(['any'], ['lo', 'wg0'], false)).toEqual(['any'])
  expect(chooseInterfaces(['*'], ['lo', 'wg0'], false)).toEqual(['lo', 'wg0'])
  expect(() => chooseInterfaces(['wg1'], ['lo'], false)).toThrow(
    'there is no interface "wg1"; there are: lo (and any)',
  )
})

test('a name that no interface can have is not waited for', () => {
  expect(chooseInterfaces(['wireguard-peer7'], ['lo'], true)).toEqual([])
  for (const name of ['', '..', 'wireguard-peer07', 'a/b', 'a b', 'ü'.repeat(8)])
    expect(() => chooseInterfaces([name], ['lo'], true), name).toThrow('no interface can have')
})
