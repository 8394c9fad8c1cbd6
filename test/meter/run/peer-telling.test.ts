/** Nothing is told of a peer before the catalog says what may be kept of it. */
import { expect, test } from 'vitest'
import { Attributor } from '../../../src/meter/attribution/attributor.js'
import { PeerTelling } from '../../../src/meter/run/peer-telling.js'
import type { WireGuardPeer } from '../../../src/meter/wireguard/device.js'
import { catalogSchema } from '../../../src/session/catalog.js'
import type { PeerEvent } from '../../../src/session/peer-event.js'
import { PEER_KEY } from '../../support/peer-events.js'

const AT = 1_800_000_000
const SECRET = `${'S'.repeat(42)}A=`
const CATALOG = catalogSchema.parse({
  clients: [
    { clientId: 1, name: 'laptop', publicKey: PEER_KEY },
    { clientId: 2, name: 'works council', publicKey: SECRET, log: 'off' },
  ],
})

function peer(publicKey: string, endpoint = '192.0.2.1:1'): WireGuardPeer {
  const allowedIps = ['10.8.0.2/32']
  return { publicKey, endpoint, allowedIps, lastHandshakeSeconds: AT - 10, rxBytes: 0, txBytes: 0 }
}

function telling(before: readonly string[] = []) {
  const attributor = new Attributor()
  const events: PeerEvent[] = []
  const warnings: string[] = []
  const one = new PeerTelling(
    'wg0',
    {
      connectedForMs: 180_000,
      connectedBefore: () => ({ atUs: (AT - 60) * 1e6, publicKeys: before }),
      onEvents: (told) => events.push(...told),
    },
    attributor,
    { warn: (_: unknown, text?: string) => void warnings.push(text ?? '') },
  )
  return { attributor, one, events, warnings }
}
const us = (seconds: number) => (AT + seconds) * 1e6
const ms = (seconds: number) => 5_000_000 + seconds * 1e3

test('who is connected when the catalog comes is told then, under its rules', () => {
  const { attributor, one, events } = telling()
  one.read([peer(PEER_KEY), peer(SECRET)], us(0), ms(0))
  one.interfaceGone(us(1), ms(1))
  expect(events).toEqual([])
  attributor.catalogChanged(CATALOG)
  expect([one.catalogIsThere(), one.catalogIsThere()]).toEqual([true, false])
  one.read([peer(PEER_KEY), peer(SECRET)], us(5), ms(5))
  one.read([peer(PEER_KEY), peer(SECRET, '192.0.2.2:2')], us(10), ms(10))
  one.read([peer(PEER_KEY)], us(15), ms(15))
  expect(events.map(({ event, clientId, already }) => [event, clientId, already])).toEqual([
    ['connected', 1, true],
  ])
})

test('a run that had no catalog leaves the next one what it knew', () => {
  const { attributor, one, events } = telling([PEER_KEY])
  one.read([], us(0), ms(0))
  expect(one.connected(ms(0))).toEqual([PEER_KEY])
  attributor.catalogChanged(CATALOG)
  one.catalogIsThere()
  one.read([], us(5), ms(5))
  expect(events.map(({ event }) => event)).toEqual(['disconnected', 'gone'])
  expect(one.connected(ms(70))).toEqual([])
})

test('that peers change too often is said once', () => {
  const { one, warnings } = telling()
  one.catalogIsThere()
  for (let i = 0; i < 30; i++) one.read([peer(PEER_KEY, `192.0.2.${i}:1`)], us(i), ms(i))
  expect(one.deferred).toBeGreaterThan(5)
  expect(warnings).toEqual([expect.stringContaining('peers change too often')])
})
