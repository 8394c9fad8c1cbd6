/**
 * A made-up office behind a tunnel: its catalog, and its sessions over a time, the same for the same seed. For tests
 * and pictures of the dashboard, which need names, variety and volume; what is counted right is shown elsewhere.
 */
import type { Catalog } from '../../src/session/catalog.js'
import type { ConnState, EndReason, Session } from '../../src/session/session.js'
import { runPrefix, sessionId } from '../../src/session/session-id.js'
import { aSession } from './sessions.js'

const USERS = [
  ['ada', 'Ada Okafor', 'ada@harbour.example'],
  ['benoit', 'Benoît Lefèvre', 'benoit@harbour.example'],
  ['chiara', 'Chiara Conti', 'chiara@harbour.example'],
  ['dmitri', 'Dmitri Sorokin', 'dmitri@harbour.example'],
  ['emre', 'Emre Yıldız', 'emre@harbour.example'],
] as const

const CLIENTS = [
  ['ada-laptop', 'ada'],
  ['ada-phone', 'ada'],
  ['benoit-desktop', 'benoit'],
  ['chiara-laptop', 'chiara'],
  ['dmitri-laptop', 'dmitri'],
  ['emre-tablet', 'emre'],
  ['build-runner', null],
] as const

interface Resource {
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  /** How often it is used, and what a session of it moves. */
  readonly weight: number
  readonly sent: number
  readonly received: number
  readonly seconds: number
}

const RESOURCES: readonly Resource[] = [
  {
    name: 'Orders database',
    ip: '10.20.0.5',
    port: 5432,
    protocol: 'tcp',
    weight: 14,
    sent: 9e5,
    received: 3e6,
    seconds: 240,
  },
  {
    name: 'Company wiki',
    ip: '10.20.0.9',
    port: 443,
    protocol: 'tcp',
    weight: 26,
    sent: 2e4,
    received: 6e5,
    seconds: 18,
  },
  {
    name: 'Git',
    ip: '10.20.0.11',
    port: 22,
    protocol: 'tcp',
    weight: 10,
    sent: 2.5e6,
    received: 7e6,
    seconds: 12,
  },
  {
    name: 'Name server',
    ip: '10.20.0.2',
    port: 53,
    protocol: 'udp',
    weight: 30,
    sent: 70,
    received: 240,
    seconds: 0.03,
  },
  {
    name: 'Grafana',
    ip: '10.20.0.30',
    port: 3000,
    protocol: 'tcp',
    weight: 9,
    sent: 4e4,
    received: 2e6,
    seconds: 90,
  },
  {
    name: 'File share',
    ip: '10.20.0.16',
    port: 445,
    protocol: 'tcp',
    weight: 7,
    sent: 6e6,
    received: 5e6,
    seconds: 150,
  },
  {
    name: 'Off-site backups',
    ip: '10.20.0.40',
    port: 873,
    protocol: 'tcp',
    weight: 1,
    sent: 9e7,
    received: 8e5,
    seconds: 900,
  },
]

/** WireGuard keys have 32 bytes; these are counted up, and no secret belongs to them. */
const publicKey = (n: number) => Buffer.alloc(32, n + 1).toString('base64')

export function officeCatalog(change: Partial<Catalog> = {}): Catalog {
  return {
    users: USERS.map(([userId, name, email]) => ({ userId, name, email })),
    clients: CLIENTS.map(([name, userId], i) => ({
      clientId: i + 1,
      name,
      userId,
      publicKey: publicKey(i),
      addresses: [`10.8.0.${i + 2}/32`],
    })),
    sites: [
      { siteId: 1, name: 'Rotterdam' },
      { siteId: 2, name: 'Genova' },
    ],
    resources: RESOURCES.map(({ name, ip, port, protocol }, i) => ({
      siteResourceId: i + 1,
      name,
      destination: ip,
      protocol,
      ports: [port],
    })),
    ...change,
  }
}

/** mulberry32: small, good enough, and the same everywhere. */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface OfficeOptions {
  readonly count: number
  readonly fromMs: number
  readonly toMs: number
  readonly seed: number
  /** How many of the latest are still open. */
  readonly open?: number
}

/** Oldest first. */
export function officeSessions(options: OfficeOptions): Session[] {
  const { count, fromMs, toMs, seed, open = 0 } = options
  const random = randomOf(seed)
  const prefix = runPrefix(fromMs, Uint8Array.of(seed, 1, 2, 3, 4))
  const starts = Array.from({ length: count }, () => startTime(random, fromMs, toMs)).sort(
    (a, b) => a - b,
  )
  return starts.map((startMs, i) =>
    oneSession(random, sessionId(prefix, i), startMs, toMs, i >= count - open),
  )
}

/** More by day than by night. */
function startTime(random: () => number, fromMs: number, toMs: number): number {
  for (;;) {
    const ms = fromMs + random() * (toMs - fromMs)
    const hour = new Date(ms).getHours() + new Date(ms).getMinutes() / 60
    const busy =
      0.12 + Math.exp(-(((hour - 10.5) / 2.2) ** 2)) + 0.9 * Math.exp(-(((hour - 15) / 2.4) ** 2))
    if (random() < busy) return ms
  }
}

function pickWeighted(random: () => number): number {
  const all = RESOURCES.reduce((sum, { weight }) => sum + weight, 0)
  let at = random() * all
  return RESOURCES.findIndex(({ weight }) => {
    at -= weight
    return at < 0
  })
}

/** Around the mean, mostly below it, sometimes far above. */
function spread(random: () => number, mean: number): number {
  return mean * (0.15 + -Math.log(1 - random() * 0.999) * 0.85)
}

function oneSession(
  random: () => number,
  id: string,
  startMs: number,
  nowMs: number,
  open: boolean,
): Session {
  const resourceIndex = pickWeighted(random)
  const resource = RESOURCES[resourceIndex]!
  const clientIndex = resource.weight === 1 ? 6 : Math.floor(random() * CLIENTS.length)
  const [, userId] = CLIENTS[clientIndex]!
  const { connState, endReason } = ending(random, resource.protocol, open)
  const answered = connState !== 'S0' && connState !== 'REJ'
  const seconds = open ? (nowMs - startMs) / 1000 : answered ? spread(random, resource.seconds) : 3
  const payloadTx = answered ? Math.round(spread(random, resource.sent)) : 0
  const payloadRx = answered ? Math.round(spread(random, resource.received)) : 0
  const packetsTx = answered ? 5 + Math.ceil(payloadTx / 1360 + payloadRx / 8000) : 3
  const packetsRx = answered ? 4 + Math.ceil(payloadRx / 1360) : connState === 'REJ' ? 1 : 0
  const startTimeUs = Math.floor(startMs * 1000)
  return aSession({
    sessionId: id,
    startTimeUs,
    endTimeUs: Math.min(startTimeUs + Math.round(seconds * 1e6), nowMs * 1000),
    protocol: resource.protocol,
    sourceIp: `10.8.0.${clientIndex + 2}`,
    sourcePort: 32_768 + Math.floor(random() * 28_000),
    destIp: resource.ip,
    destPort: resource.port,
    payloadTx,
    payloadRx,
    packetsTx,
    packetsRx,
    bytesTx: payloadTx + packetsTx * 52,
    bytesRx: payloadRx + packetsRx * 52,
    connState,
    endReason,
    tcpFlagsTx: resource.protocol === 'udp' ? 0 : answered ? 0x1b : 0x02,
    tcpFlagsRx: resource.protocol === 'udp' ? 0 : answered ? 0x1b : connState === 'REJ' ? 0x14 : 0,
    handshakeRttUs:
      answered && resource.protocol === 'tcp' ? 8_000 + Math.floor(random() * 30_000) : null,
    directionBasis: resource.protocol === 'udp' ? 'peer' : 'syn',
    peerPublicKey: publicKey(clientIndex),
    clientEndpoint: `203.0.113.${clientIndex + 20}:51820`,
    clientId: clientIndex + 1,
    userId,
    siteResourceId: resourceIndex + 1,
    unattributed: null,
    otherClientId: null,
    otherUserId: null,
    seenTwice: false,
  })
}

function ending(
  random: () => number,
  protocol: 'tcp' | 'udp',
  open: boolean,
): { connState: ConnState; endReason: EndReason } {
  if (open) return { connState: protocol === 'udp' ? 'SF' : 'S1', endReason: 'activeTimeout' }
  if (protocol === 'udp') {
    return { connState: random() < 0.01 ? 'S0' : 'SF', endReason: 'idleTimeout' }
  }
  const chance = random()
  const connState: ConnState =
    chance < 0.015
      ? 'REJ'
      : chance < 0.03
        ? 'S0'
        : chance < 0.06
          ? 'RSTO'
          : chance < 0.08
            ? 'RSTR'
            : 'SF'
  return { connState, endReason: connState === 'S0' ? 'idleTimeout' : 'endOfFlowDetected' }
}
