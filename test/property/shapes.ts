/** Random conversations by shape: what traffic does, what goes wrong with it, and the edges of every timeout. */
import { FLAG, LINK_NAMES } from '../support/packets.js'
import {
  type Act,
  type Command,
  type Conversation,
  INSIDE_SETS,
  ODD_PACKETS,
  type Scenario,
  type ScenarioOptions,
  type Side,
  type Tweak,
} from './scenario.js'

export interface Dice {
  /** Whole number, both ends included. */
  int(min: number, max: number): number
}

const { fin, syn, rst, psh, ack } = FLAG
const SECOND = 1_000_000

const one = <T>(dice: Dice, from: readonly T[]): T => from[dice.int(0, from.length - 1)]!
const chance = (dice: Dice, oneIn: number): boolean => dice.int(1, oneIn) === 1
const other = (side: Side): Side => (side === 0 ? 1 : 0)

/** Product defaults, or short ones so that many timeouts fit into a scenario. */
const TIMEOUTS = [
  { handshakeUs: 30, establishedUs: 7440, halfClosedUs: 240, udpUs: 60, lingerUs: 5, activeUs: 60 },
  { handshakeUs: 1, establishedUs: 9, halfClosedUs: 2, udpUs: 1.5, lingerUs: 0.5, activeUs: 2 },
  { handshakeUs: 3, establishedUs: 0.35, halfClosedUs: 0.2, udpUs: 0.25, lingerUs: 0, activeUs: 0 },
  { handshakeUs: 0.1, establishedUs: 1, halfClosedUs: 5, udpUs: 0.05, lingerUs: 2, activeUs: 0.07 },
] as const

function rollOptions(dice: Dice): ScenarioOptions {
  const seconds = one(dice, TIMEOUTS)
  const options = Object.fromEntries(
    Object.entries(seconds).map(([name, value]) => [name, Math.round(value * SECOND)]),
  ) as unknown as ScenarioOptions
  return {
    ...options,
    flowsMax: one(dice, [1, 2, 3, 5, 17, 100_000, 100_000, 100_000]),
    fragmentsMax: one(dice, [1, 2, 4096, 4096]),
    earlyReport: chance(dice, 2),
    inside: dice.int(0, INSIDE_SETS.length - 1),
  }
}

/** Mostly short; often exactly at a timeout or one microsecond beside it; sometimes years. */
function rollWait(dice: Dice, options: ScenarioOptions): number {
  const kind = dice.int(0, 15)
  if (kind < 4) return 0
  if (kind < 9) return dice.int(0, 50_000)
  if (kind < 10) return dice.int(0, 3) * 100_000 + dice.int(-1, 1) + 1
  if (kind < 14) {
    const { handshakeUs, establishedUs, halfClosedUs, udpUs, lingerUs, activeUs } = options
    const times = [handshakeUs, establishedUs, halfClosedUs, udpUs, lingerUs, activeUs, 100_000]
    const edge = one(dice, [...times, 30 * SECOND, 60 * SECOND])
    return Math.max(0, edge * one(dice, [1, 1, 1, 2]) + dice.int(-1, 2))
  }
  if (kind < 15 || !chance(dice, 8)) return dice.int(0, 300 * SECOND)
  return one(dice, [86_400, 365 * 86_400, 10 * 365 * 86_400]) * SECOND
}

function rollTweak(dice: Dice): Tweak | undefined {
  switch (dice.int(0, 39)) {
    case 0:
      return { earlierUs: one(dice, [1, 999, 100_000, 59 * SECOND, 60 * SECOND, 61 * SECOND]) }
    case 1:
      return { noTime: true }
    case 2:
      return { cut: dice.int(0, 90) }
    case 3:
      return { zeroLength: true }
    case 4:
      return { mangle: [[dice.int(0, 70), dice.int(0, 255)]] }
    case 5:
      return {
        mangle: [
          [dice.int(0, 70), dice.int(0, 255)],
          [dice.int(0, 70), dice.int(0, 255)],
        ],
        cut: dice.int(0, 120),
      }
    case 6:
      return { wireDelta: one(dice, [-60, -21, -1, 1, 4, 1500, 70_000]) }
    case 7:
      return chance(dice, 4)
        ? { linkType: one(dice, [0, 1, 9, 12, 50, 51, 104, 228, 229, 239]) }
        : undefined
    case 8:
      return { extraHeaders: one(dice, [1, 2, 5, 10, 16, 17]) }
    default:
      return undefined
  }
}

const NUMBERS = [7, 7, 7, 8, 0, 0xffffffff]

function tcp(dice: Dice, from: Side, flags: number, length = 0): Act {
  const sequence = one(dice, NUMBERS)
  if ((flags & (syn | ack)) !== (syn | ack)) return { do: 'tcp', from, flags, sequence, length }
  // Mostly the answer to one of the SYNs.
  const acknowledgement = (one(dice, NUMBERS) + (chance(dice, 8) ? 0 : 1)) >>> 0
  return { do: 'tcp', from, flags, sequence, acknowledgement, length }
}

const rollLength = (dice: Dice): number => one(dice, [0, 1, 10, 24, 100, 1460, 65_000])
const side = (dice: Dice): Side => (dice.int(0, 1) === 0 ? 0 : 1)

type Shape = (dice: Dice) => { transport: 'tcp' | 'udp'; acts: Act[] }

function closing(dice: Dice): Act[] {
  const first = side(dice)
  const second = other(first)
  return one(dice, [
    [tcp(dice, first, fin | ack), tcp(dice, second, fin | ack), tcp(dice, first, ack)],
    [tcp(dice, first, fin | ack), tcp(dice, second, ack), tcp(dice, second, fin | ack, 5)],
    [tcp(dice, first, fin | ack), tcp(dice, first, rst)],
    [tcp(dice, first, fin | ack), tcp(dice, first, rst), tcp(dice, second, fin | ack)],
    [tcp(dice, first, rst | ack)],
    [tcp(dice, first, rst), tcp(dice, second, rst)],
    [tcp(dice, first, fin | rst)],
    [],
  ])
}

function data(dice: Dice): Act[] {
  return Array.from({ length: dice.int(0, 4) }, () =>
    tcp(dice, side(dice), one(dice, [ack, ack, psh | ack, ack | 0xe0]), rollLength(dice)),
  )
}

const open = (dice: Dice): Act[] => [tcp(dice, 0, syn), tcp(dice, 1, syn | ack), tcp(dice, 0, ack)]

const connection: Shape = (dice) => ({
  transport: 'tcp',
  acts: [...open(dice), ...data(dice), ...closing(dice)],
})

const reuse: Shape = (dice) => ({
  transport: 'tcp',
  acts: [
    ...open(dice),
    ...closing(dice),
    tcp(dice, side(dice), one(dice, [ack, syn, syn, rst, fin | ack, syn | ack])),
    ...(chance(dice, 2) ? open(dice) : [tcp(dice, side(dice), syn), ...data(dice)]),
    ...closing(dice),
  ],
})

/** SYNs on a connection that stands or has been reset, answered or not, sent again or not. */
const reopening: Shape = (dice) => ({
  transport: 'tcp',
  acts: [
    ...open(dice),
    ...data(dice),
    ...(chance(dice, 2) ? [tcp(dice, side(dice), rst)] : []),
    ...Array.from({ length: dice.int(1, 3) }, () => tcp(dice, dice.int(0, 4) === 0 ? 1 : 0, syn)),
    ...one(dice, [[], [tcp(dice, side(dice), rst)], data(dice), [tcp(dice, 0, syn)]]),
    ...(chance(dice, 4) ? [] : [tcp(dice, chance(dice, 6) ? 0 : 1, syn | ack)]),
    ...data(dice),
    ...closing(dice),
  ],
})

/** Streams in both directions by their numbers: next, again, skipped, overlapping, near the wrap, far away. */
const stream: Shape = (dice) => {
  const start = one(dice, [0, 1000, 0xffffff00, 0x7fffff00])
  const next: [number, number] = [start, start]
  const far = [-5, 2 ** 30, 2 ** 30 + 1, -(2 ** 30), -(2 ** 30) - 1, 2 ** 31]
  const acts: Act[] = []
  for (let n = dice.int(5, 40); n > 0; n--) {
    const from = side(dice)
    const length = one(dice, [0, 1, 1, 10, 100, 100, 1000])
    const away = chance(dice, 20) ? one(dice, far) : 10 * dice.int(-30, 6) + dice.int(-1, 1)
    const sequence = (next[from] + (chance(dice, 2) ? 0 : away)) >>> 0
    const flags = chance(dice, 15) ? one(dice, [syn, syn | ack, fin | ack]) : ack
    acts.push({ do: 'tcp', from, flags, sequence, length })
    const end = (sequence + length) >>> 0
    if (((end - next[from]) | 0) > 0) next[from] = end
  }
  return { transport: 'tcp', acts }
}

const attempt: Shape = (dice) => ({
  transport: 'tcp',
  acts: [
    ...Array.from({ length: dice.int(1, 4) }, () => tcp(dice, 0, syn)),
    ...one(dice, [
      [],
      [tcp(dice, 1, rst | ack)],
      [tcp(dice, 0, rst)],
      [tcp(dice, 1, ack), tcp(dice, 0, rst)],
      [tcp(dice, 0, fin)],
      [tcp(dice, 0, ack), tcp(dice, 0, rst)],
      [icmp(dice)],
      [icmp(dice), tcp(dice, 0, syn), tcp(dice, 1, syn | ack)],
    ]),
  ],
})

const simultaneous: Shape = (dice) => ({
  transport: 'tcp',
  acts: [
    tcp(dice, 0, syn),
    tcp(dice, 1, syn),
    tcp(dice, 0, syn | ack),
    tcp(dice, 1, syn | ack),
    ...data(dice),
    ...closing(dice),
  ],
})

const answerFirst: Shape = (dice) => ({
  transport: 'tcp',
  acts: [
    tcp(dice, 1, syn | ack),
    ...(chance(dice, 2) ? [tcp(dice, 0, syn)] : []),
    ...(chance(dice, 2) ? [tcp(dice, 0, ack)] : []),
    ...data(dice),
    ...closing(dice),
  ],
})

const midstream: Shape = (dice) => ({
  transport: 'tcp',
  acts: [tcp(dice, side(dice), ack, 10), ...data(dice), ...closing(dice)],
})

function icmp(dice: Dice): Act {
  const [type, code] = one(dice, [
    [3, 3],
    [3, 1],
    [3, 4],
    [1, 4],
    [11, 0],
    [2, 0],
  ] as const)
  return {
    do: 'icmp',
    from: dice.int(0, 3) === 0 ? 1 : 0,
    type,
    code,
    cut: one(dice, [28, 48, 20, 24, 44, 43, 100]),
  }
}

const chatter: Shape = (dice) => ({
  transport: 'udp',
  acts: Array.from(
    { length: dice.int(1, 8) },
    (): Act =>
      chance(dice, 8) ? icmp(dice) : { do: 'udp', from: side(dice), length: rollLength(dice) },
  ),
})

/** A few datagrams in pieces: shuffled, doubled, heads missing; ids are few so that they are used again. */
const fragments: Shape = (dice) => {
  const acts: Act[] = []
  for (let datagrams = dice.int(1, 3); datagrams > 0; datagrams--) {
    const [from, id] = [side(dice), dice.int(1, 3)]
    const pieces: Act[] = []
    const flags = one(dice, [syn, ack, ack, fin | ack, rst, psh | ack])
    const length = one(dice, [3, 8, 16, 24, 64])
    if (!chance(dice, 5)) pieces.push({ do: 'head', from, id, flags, length })
    for (let n = dice.int(0, 3), offset = 64; n > 0; n--, offset += 64) {
      pieces.push({ do: 'later', from, id, offset, length: one(dice, [64, 64, 11, 1480]) })
    }
    if (chance(dice, 2)) shuffle(dice, pieces)
    acts.push(...pieces)
  }
  const transport = chance(dice, 2) ? 'tcp' : 'udp'
  const opener: Act[] = transport === 'tcp' && chance(dice, 2) ? [tcp(dice, 0, syn)] : []
  return { transport, acts: [...opener, ...acts, ...(transport === 'tcp' ? closing(dice) : [])] }
}

const noise: Shape = (dice) => ({
  transport: 'tcp',
  acts: Array.from({ length: dice.int(1, 3) }, () => rollNoise(dice)),
})

function rollNoise(dice: Dice): Act {
  const kind = dice.int(0, 9)
  if (kind < 6) return { do: 'odd', what: dice.int(0, ODD_PACKETS.length - 1) }
  if (kind < 8) return { do: 'advance' }
  if (kind < 9) return { do: 'inside', set: dice.int(0, INSIDE_SETS.length - 1) }
  const seconds = one(dice, [-61, -3600, -59, 3600, -60, -86_400 * 400, 30])
  return { do: 'clock', us: seconds * SECOND, alone: dice.int(0, 1) === 0 }
}

const anything: Shape = (dice) => ({
  transport: 'tcp',
  acts: Array.from({ length: dice.int(1, 8) }, () =>
    tcp(dice, side(dice), chance(dice, 2) ? dice.int(0, 31) : dice.int(0, 255), rollLength(dice)),
  ),
})

const SHAPES: readonly Shape[] = [
  connection,
  connection,
  reuse,
  reuse,
  reopening,
  reopening,
  attempt,
  stream,
  stream,
  simultaneous,
  answerFirst,
  midstream,
  chatter,
  chatter,
  fragments,
  fragments,
  noise,
  anything,
]

function shuffle<T>(dice: Dice, items: T[]): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = dice.int(0, i)
    ;[items[i], items[j]] = [items[j]!, items[i]!]
  }
}

/** Retransmits, loses and swaps. */
function disturb(dice: Dice, acts: Act[]): Act[] {
  const disturbed = acts.flatMap((act) => {
    const roll = dice.int(0, 19)
    return roll === 0 ? [] : roll < 3 ? [act, act] : [act]
  })
  if (disturbed.length > 1 && chance(dice, 4)) {
    const i = dice.int(1, disturbed.length - 1)
    ;[disturbed[i - 1], disturbed[i]] = [disturbed[i]!, disturbed[i - 1]!]
  }
  return disturbed
}

function rollConversation(dice: Dice, options: ScenarioOptions, tuples: number): Conversation {
  const { transport, acts } = one(dice, SHAPES)(dice)
  const commands = disturb(dice, acts).map((act): Command => {
    const tweak = rollTweak(dice)
    const waitUs = rollWait(dice, options)
    return tweak === undefined ? { waitUs, act } : { waitUs, act, tweak }
  })
  return {
    tuple: dice.int(0, tuples),
    ipv6: chance(dice, 3),
    transport,
    link: chance(dice, 2) ? 'raw' : one(dice, LINK_NAMES),
    startUs: chance(dice, 2) ? dice.int(0, 2 * SECOND) : rollWait(dice, options),
    commands,
  }
}

/** How far the clocks of a capture's interfaces are ahead: mostly there is one. */
const SKEWS = [[0], [0], [0], [0, 45], [0, 160], [0, -3600], [0, 86_400 * 400, -160]] as const

export function rollScenario(dice: Dice, conversationsMax: number): Scenario {
  const skews = one(dice, SKEWS)
  const options =
    skews.length === 1
      ? rollOptions(dice)
      : // On several clocks, when a flow is looked at decides about interim records and evictions.
        { ...rollOptions(dice), activeUs: 0, earlyReport: false, flowsMax: 100_000 }
  const count = dice.int(1, conversationsMax)
  // Many conversations on few five-tuples meet; on many they do not.
  const tuples = one(dice, [2, 20, 1000])
  return {
    options,
    baseUs: one(dice, [0, 1_700_000_000 * SECOND, 1_700_000_000 * SECOND + 99_999]),
    feedPackets: one(dice, [1, 5, 1000, 1000]),
    conversations: Array.from({ length: count }, () => {
      const number = dice.int(0, skews.length - 1)
      const conversation = rollConversation(dice, options, tuples)
      return { ...conversation, interface: number, skewUs: skews[number]! * SECOND }
    }),
  }
}
