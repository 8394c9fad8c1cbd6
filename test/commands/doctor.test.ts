import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import {
  checkCatalog,
  checkInterface,
  checkPrivileges,
  checkSpool,
} from '../../src/commands/doctor-checks.js'
import { sumFigures } from '../../src/commands/reconciliation.js'
import type { WireGuardDevice } from '../../src/wireguard/device.js'

const directory = mkdtempSync(join(tmpdir(), 'tunmeter-doctor-'))
afterAll(() => rmSync(directory, { recursive: true }))

for (const [capabilities, want] of [
  ['000001ffffffffff', 'ok'],
  ['0000000000003000', 'ok'],
  ['0000000000002000', 'warning'],
  ['0000000000001000', 'failed'],
  ['0000000000000000', 'failed'],
] as const)
  test(`capabilities ${capabilities}: ${want}`, () => {
    expect(checkPrivileges(`Name:\tnode\nCapEff:\t${capabilities}\n`).state).toBe(want)
  })

test('an interface that is there, and one that is not', () => {
  expect(checkInterface('lo').message).toContain('lo: loopback, MTU')
  expect(checkInterface('nope0')).toMatchObject({
    state: 'failed',
    message: 'there is no interface nope0',
  })
})

test('a catalog that names every peer, one that does not, one that is none', () => {
  const publicKey = `${'A'.repeat(42)}A=`
  const device = { peers: [{ publicKey }] } as unknown as WireGuardDevice
  const file = (name: string, content: object) => {
    const path = join(directory, name)
    writeFileSync(path, JSON.stringify(content))
    return path
  }
  const known = file('known.json', { clients: [{ clientId: 1, name: 'x', publicKey }] })
  expect(checkCatalog(known, device).state).toBe('ok')
  expect(checkCatalog(file('empty.json', {}), device)).toMatchObject({ state: 'warning' })
  expect(checkCatalog(join(directory, 'none'), device).state).toBe('failed')
  expect(checkCatalog(undefined, device).state).toBe('skipped')
})

test('a spool that can be used, or made', () => {
  expect(checkSpool(directory).state).toBe('ok')
  expect(checkSpool(join(directory, 'none')).message).toContain('does not exist yet')
})

test('figures of several interfaces: sums, exact when all are', () => {
  expect(
    sumFigures([
      { unexplainedPacketsMin: 1, exact: 1 },
      { unexplainedPacketsMin: 2, exact: 0 },
      {},
    ]),
  ).toEqual({
    unexplainedPacketsMin: 3,
    exact: 0,
  })
})
