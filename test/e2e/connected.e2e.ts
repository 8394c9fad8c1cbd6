/** Who was connected, from real tunnels: the judge of times is WireGuard's own last handshake. */
import { describe, expect, test } from 'vitest'
import { until } from '../support/lab.js'
import { useOffice, WIKI } from '../support/office-lab.js'
import { whyNoLab } from '../support/root-only.js'
import { curl } from '../support/world.js'

interface PeerRow {
  readonly time: string
  readonly event: string
  readonly publicKey: string
  readonly clientName: string | null
  readonly userEmail: string | null
  readonly endpoint: string | null
  readonly endpointBefore: string | null
  readonly allowedIps: string | null
  readonly already: boolean
  readonly eventId: string
}

const CONNECTED_FOR_S = 20
const reason = whyNoLab()

describe.skipIf(reason !== null)(`connected${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const office = useOffice('tme6', '--connected-for', `${CONNECTED_FOR_S}s`)

  /** Of a client, oldest first. */
  async function eventsOf(name: string): Promise<PeerRow[]> {
    const { log } = (await office.server.get('logs/peers?limit=1000')) as { log: PeerRow[] }
    return log.filter((row) => row.clientName === `${name}'s device`).reverse()
  }
  const untilEvent = (name: string, what: string, is: (row: PeerRow) => boolean) =>
    until(`${name}: ${what}`, async () => (await eventsOf(name)).find(is))

  async function handshakeMs(name: string): Promise<number> {
    const { publicKey } = office.world.clients[name]!.interface.keys
    const peer = (await office.world.site.dump()).find((one) => one.publicKey === publicKey)
    return peer!.lastHandshakeSeconds * 1000
  }
  const iso = (ms: number) => new Date(ms).toISOString()

  /** The client's WireGuard forgets the site and makes its acquaintance anew; nothing keeps the tunnel alive after that. */
  async function connect(name: string): Promise<number> {
    const { world } = office
    const { interface: wg } = world.clients[name]!
    const before = await handshakeMs(name)
    // One that is connected does not connect.
    await until(`${name} is away`, async () => {
      const last = (await eventsOf(name)).at(-1)?.event
      return Date.now() > before + (CONNECTED_FOR_S + 1) * 1000 && last !== 'connected'
    })
    await wg.removePeer(world.site.keys.publicKey)
    await wg.setPeer({
      publicKey: world.site.keys.publicKey,
      allowedIps: ['100.90.128.0/24', '10.20.0.0/16', 'fd90::/64', 'fd20::/64'],
      endpoint: '198.51.100.1:51820',
    })
    await until('the tunnel', async () => (await reach(name)) && (await handshakeMs(name)) > before)
    return handshakeMs(name)
  }
  const reach = async (name: string) =>
    (await curl(office.world.clients[name]!.space, '-m', '2', `http://${WIKI}/100`)).code === 0

  test('connects, roams, and is not heard of any more: the times are those of the handshake', async () => {
    const { world, server } = office
    const { space } = world.clients.anna!
    const at = await connect('anna')
    const connected = await untilEvent('anna', 'connected', (row) => row.time === iso(at))
    expect(connected).toMatchObject({
      event: 'connected',
      userEmail: 'anna@example.com',
      publicKey: world.clients.anna!.interface.keys.publicKey,
      endpoint: expect.stringMatching(/^198\.51\.100\.11:/),
    })
    await space.ip('address delete 198.51.100.11/24 dev eth0')
    await space.ip('address add 198.51.100.99/24 dev eth0')
    await until('the tunnel from there', () => reach('anna'))
    const moved = await untilEvent('anna', 'moved', (row) => row.event === 'endpointChanged')
    expect(moved.endpoint).toMatch(/^198\.51\.100\.99:/)
    expect(moved.endpointBefore).toBe(connected.endpoint)
    const ended = await untilEvent(
      'anna',
      'gone',
      (row) => row.event === 'disconnected' && row.time > iso(at),
    )
    // While it was on its way it may have made another one.
    expect(ended.time).toBe(iso((await handshakeMs('anna')) + CONNECTED_FOR_S * 1000))
    const { connections } = await server.get('logs/peers/connections?userId=u-anna')
    expect(connections[0]).toMatchObject({
      from: iso(at),
      to: ended.time,
      state: 'ended',
      endpoints: [connected.endpoint, moved.endpoint],
    })
    await space.ip('address delete 198.51.100.99/24 dev eth0')
    await space.ip('address add 198.51.100.11/24 dev eth0')
  })

  test('the meter is killed: who is connected still is told once, and whose end it did not see ended when it did', async () => {
    const { meter, server } = office
    const ravi = await connect('ravi')
    await untilEvent('ravi', 'connected', (row) => row.time === iso(ravi))
    await meter.process.stop('SIGKILL')
    const before = await eventsOf('ravi')
    await meter.spawn()
    // It has told what it found.
    const mei = await connect('mei')
    await untilEvent('mei', 'connected', (row) => row.time === iso(mei))
    expect(await eventsOf('ravi')).toEqual(before)
    // Noted as connected; the notes are made every few seconds.
    await until('the note', async () => {
      const { stdout } = await office.world.siteSpace.run(
        'cat',
        ['ran.0.json', 'ran.1.json'].map((file) => `${meter.directory}/spool/${file}`),
      )
      return stdout.split('\n').every((line) => line === '' || line.includes(`"connected":["`))
    })
    await meter.process.stop('SIGKILL')
    await until('the age', () => Date.now() > mei + (CONNECTED_FOR_S + 1) * 1000)
    await meter.spawn()
    const ended = await untilEvent(
      'mei',
      'ended',
      (row) => row.event === 'disconnected' && row.time > iso(mei),
    )
    expect(ended.time).toBe(iso(mei + CONNECTED_FOR_S * 1000))
    const { connections } = await server.get('logs/peers/connections?userId=u-mei')
    expect(connections[0]).toMatchObject({ from: iso(mei), to: ended.time, state: 'ended' })
  })

  test('a peer that is removed and comes again', async () => {
    const { world } = office
    const { interface: wg, ip4 } = world.clients.ravi!
    const at = await connect('ravi')
    await untilEvent('ravi', 'connected', (row) => row.time === iso(at))
    await world.site.removePeer(wg.keys.publicKey)
    await untilEvent('ravi', 'gone', (row) => row.event === 'gone')
    await world.site.setPeer({ publicKey: wg.keys.publicKey, allowedIps: [`${ip4}/32`] })
    await untilEvent('ravi', 'added', (row) => row.event === 'added')
    await world.site.setPeer({
      publicKey: wg.keys.publicKey,
      allowedIps: [`${ip4}/32`, '10.77.0.0/24'],
    })
    const wider = await untilEvent('ravi', 'wider', (row) => row.event === 'allowedIpsChanged')
    expect(wider.allowedIps?.split(' ').sort()).toEqual(['10.77.0.0/24', `${ip4}/32`])
    const events = (await eventsOf('ravi')).map((row) => row.event)
    expect(events.slice(events.lastIndexOf('connected'))).toEqual([
      'connected',
      'disconnected',
      'gone',
      'added',
      'allowedIpsChanged',
    ])
  })
})
