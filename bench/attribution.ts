/**
 * Attributions per second: npm run bench:attribution [-- --prefixes N --sessions N --rounds N]
 *
 * Peers with N allowed IPs (three in four are IPv4), a catalog of 1,000 resources. Cold: each
 * session has a random peer and resource, so their data must come from memory. Warm: 2,000 clients
 * with few resources repeat, after a first round that is not counted. Before the timing, a sample
 * of answers is compared with a linear search over all prefixes by Node's own BlockList.
 */
import { BlockList, isIPv4 } from 'node:net'
import { parseArgs } from 'node:util'
import { Attributor } from '../src/meter/attribution/attributor.js'
import type { FlowRecord } from '../src/session/session.js'
import { aFlowRecord } from '../test/support/sessions.ts'
import { describeMachine, median } from './support/machine.ts'

const { values: flags } = parseArgs({
  options: {
    prefixes: { type: 'string', default: '10000' },
    sessions: { type: 'string', default: '500000' },
    rounds: { type: 'string', default: '5' },
  },
})
/** One second after peers and catalog. A present-day time, because it is no small integer. */
const START_US = 1_790_000_001_000_000
const prefixCount = Number(flags.prefixes)
const sessionCount = Number(flags.sessions)

/** Park and Miller's minimal standard generator. */
let state = 20_260_901
function random(below: number): number {
  state = (state * 48_271) % 2_147_483_647
  return state % below
}

const ip4 = (net: number, host: number) => `10.${net >> 8}.${net & 255}.${host}`
const ip6 = (net: number, host: number) => `fd90:${net.toString(16)}::${(host + 1).toString(16)}`
const isV6 = (net: number) => net % 4 === 3
/** One prefix a net. Ten wide prefixes contain others, so that the longest match matters. */
const prefixOf = (net: number) =>
  isV6(net) ? `fd90:${net.toString(16)}::/32` : `${ip4(net, 0)}/24`
const addressOf = (net: number) =>
  isV6(net) ? ip6(net, random(60_000)) : ip4(net, 1 + random(254))

const peers = Array.from({ length: prefixCount }, (_, net) => ({
  publicKey: Buffer.alloc(32, net.toString(36).padStart(8, '_')).toString('base64'),
  endpoint: `198.51.100.1:${net}`,
  allowedIps: net < 10 ? [prefixOf(net), `${net * 20}.0.0.0/6`] : [prefixOf(net)],
  lastHandshakeSeconds: null,
  rxBytes: 0,
  txBytes: 0,
}))
const catalog = {
  clients: peers.map(({ publicKey }, i) => ({
    clientId: i + 1,
    name: 'c',
    publicKey,
    addresses: [],
  })),
  users: [],
  sites: [],
  resources: Array.from({ length: 1000 }, (_, i) => ({
    siteResourceId: i + 1,
    name: 'r',
    destination: `172.16.${i >> 4}.${(i & 15) * 16}/28`,
    protocol: i % 3 === 0 ? ('tcp' as const) : null,
    ports: i % 2 === 0 ? [443, '8000-8100'] : [],
  })),
}

function newAttributor(): Attributor {
  const attributor = new Attributor()
  attributor.catalogChanged(catalog)
  const device = {
    interfaceName: 'wg0',
    kind: 'kernel',
    publicKey: null,
    listenPort: 1,
    peers,
  } as const
  attributor.peersChanged({ device })
  return attributor
}

/**
 * Makes a text in one piece, as the decoder does. JavaScript's own concatenations are trees until
 * they are read.
 */
const flat = (text: string) => scratch.toString('latin1', 0, scratch.write(text, 'latin1'))
const scratch = Buffer.alloc(64)
const empty = aFlowRecord()
let sequence = 0
const session = (sourceIp: string, destHost = random(16_000)): FlowRecord => ({
  ...empty,
  sequence: ++sequence,
  startTimeUs: START_US,
  sourceIp: flat(sourceIp),
  destIp: flat(`172.16.${destHost >> 8}.${destHost & 255}`),
  destPort: random(2) === 0 ? 443 : 22,
})
const clients = Array.from({ length: 2000 }, () => addressOf(random(prefixCount)))
const SHAPES = {
  cold: () => session(addressOf(random(prefixCount))),
  warm: () => session(clients[random(clients.length)]!, 7 * random(500)),
}

/** The longest prefix, found by trying all of them. */
function linearPeer(ip: string): string | null {
  const family = isIPv4(ip) ? 'ipv4' : 'ipv6'
  let best: { length: number; publicKey: string } | null = null
  for (const { publicKey, allowedIps } of peers)
    for (const prefix of allowedIps) {
      const [net = '', length] = prefix.split('/')
      if (isIPv4(net) !== isIPv4(ip) || Number(length) <= (best?.length ?? -1)) continue
      const list = new BlockList()
      list.addSubnet(net, Number(length), family)
      if (list.check(ip, family)) best = { length: Number(length), publicKey }
    }
  return best?.publicKey ?? null
}

const checked = newAttributor()
const sample = [
  ...Array.from({ length: 40 }, SHAPES.cold),
  ...Array.from({ length: 10 }, SHAPES.warm),
  session('20.1.2.3'),
  session('250.0.0.1'),
]
for (const one of sample) {
  const got = checked.attribute(one).peerPublicKey
  if (got !== linearPeer(one.sourceIp))
    throw new Error(`${one.sourceIp}: ${got} is not the longest match`)
}

/**
 * The meter decodes each record right before it attributes it, so the record's texts are in the
 * processor's first cache. So the clock here is read once for 64 sessions: 512 sessions have 0.7 MB
 * and would push each other out of the second cache.
 */
const BATCH = 64

function perSecond(attributor: Attributor, shape: () => FlowRecord): number {
  let attributed = 0
  let nanoseconds = 0n
  for (let done = 0; done < sessionCount; done += BATCH) {
    const batch = Array.from({ length: BATCH }, shape)
    const start = process.hrtime.bigint()
    for (const one of batch) if (attributor.attribute(one).clientId !== null) attributed++
    nanoseconds += process.hrtime.bigint() - start
  }
  const made = Math.ceil(sessionCount / BATCH) * BATCH
  if (attributed !== made) throw new Error(`${attributed} of ${made} attributed`)
  return made / (Number(nanoseconds) / 1e9)
}

console.log(describeMachine())
const results: Record<string, number[]> = { cold: [], warm: [] }
for (let round = 0; round < Number(flags.rounds); round++) {
  results.cold!.push(perSecond(newAttributor(), SHAPES.cold))
  const attributor = newAttributor()
  perSecond(attributor, SHAPES.warm)
  results.warm!.push(perSecond(attributor, SHAPES.warm))
}
const million = (rate: number) => (rate / 1e6).toFixed(2)
// Other work on the machine only adds time, so the best round is nearest to the cost of the code.
for (const [name, rates] of Object.entries(results))
  console.log(
    `attribution/${name}/${prefixCount} prefixes: ${million(median(rates))} M sessions/s, ` +
      `best round ${million(Math.max(...rates))}`,
  )
