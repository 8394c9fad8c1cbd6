/** One corpus file: what the meter says against what the truth says. Returns every difference, in words. */
import type { FlowRecord } from '../../src/session/session.js'
import { OTHER_REASONS, type OtherReason } from '../support/twin/reader.js'
import { type Expected, type ExpectedSession, expectSessions } from './expected.js'
import type { MeterRun } from './meters.js'
import type { Conversation, Truth, TruthPacket } from './truth.js'

/** What may differ in one file, and why: test/oracle/ambiguous.json. */
export interface Ambiguity {
  /**
   * Which comparison is not made, and for which conversations (absent: all of the file). What the truth itself calls
   * inexact has no entry where we agree with its reading all the same.
   */
  readonly skip:
    | 'times'
    | 'counts'
    | 'payload'
    | 'connState'
    | 'communityId'
    | 'conversation'
    | 'notCounted'
    | 'frames'
    | 'damage'
  readonly conversations?: readonly string[]
  readonly reason: string
  /** How the reason was checked, so that it can be again. */
  readonly checked: string
}

export interface Comparison {
  readonly differences: string[]
  readonly conversations: number
  readonly sessions: number
  /** Comparisons that ambiguous.json takes out. */
  readonly skipped: number
  readonly connStates: number
  readonly communityIds: number
}

export interface Helpers {
  communityId: ((record: FlowRecord) => string) | null
}

const ordered = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`)

export function conversationName(conversation: Conversation): string {
  const { proto, a, b } = conversation
  return `${proto} ${a.ip} ${a.port} > ${b.ip} ${b.port}`
}

function conversationKey({ proto, a, b }: Conversation): string {
  return `${proto} ${ordered(`${a.ip} ${a.port}`, `${b.ip} ${b.port}`)}`
}

function recordKey(r: FlowRecord): string {
  return `${r.protocol} ${ordered(`${r.sourceIp} ${r.sourcePort}`, `${r.destIp} ${r.destPort}`)}`
}

/** The last report of each session: it holds all of it. */
function finalRecords(records: readonly FlowRecord[]): FlowRecord[] {
  const bySequence = new Map<number, FlowRecord>()
  for (const record of records) bySequence.set(record.sequence, record)
  return [...bySequence.values()].sort((a, b) => a.sequence - b.sequence)
}

export class FileComparison {
  readonly differences: string[] = []
  #skipped = 0
  #connStates = 0
  #communityIds = 0

  readonly truth: Truth
  readonly packets: readonly TruthPacket[]
  readonly run: MeterRun
  readonly ambiguities: readonly Ambiguity[]
  readonly helpers: Helpers
  readonly #expected: Expected
  readonly #used = new Set<Ambiguity>()

  constructor(
    truth: Truth,
    packets: readonly TruthPacket[],
    run: MeterRun,
    ambiguities: readonly Ambiguity[],
    helpers: Helpers,
  ) {
    this.truth = truth
    this.packets = packets
    this.run = run
    this.ambiguities = ambiguities
    this.helpers = helpers
    this.#expected = expectSessions(truth.conversations, packets)
  }

  compare(): Comparison {
    const sessions = finalRecords(this.run.records)
    const byKey = new Map<string, FlowRecord[]>()
    for (const session of sessions) {
      const key = recordKey(session)
      byKey.set(key, [...(byKey.get(key) ?? []), session])
    }
    for (const conversation of this.truth.conversations) {
      const key = conversationKey(conversation)
      this.#conversation(conversation, byKey.get(key) ?? [])
      byKey.delete(key)
    }
    for (const [key, unknown] of byKey) {
      if (this.#ambiguous('conversation', key)) continue
      this.differences.push(`${key}: ${unknown.length} session(s) that the truth does not know`)
    }
    this.#totals(sessions)
    this.#otherTraffic()
    this.#damage()
    for (const unused of this.ambiguities.filter((a) => !this.#used.has(a))) {
      this.differences.push(`ambiguous.json: nothing to skip for ${JSON.stringify(unused)}`)
    }
    return {
      differences: this.differences,
      conversations: this.truth.conversations.length,
      sessions: sessions.length,
      skipped: this.#skipped,
      connStates: this.#connStates,
      communityIds: this.#communityIds,
    }
  }

  #ambiguous(skip: Ambiguity['skip'], name: string): boolean {
    const found = this.ambiguities.find(
      (a) => a.skip === skip && (a.conversations?.includes(name) ?? true),
    )
    if (found === undefined) return false
    this.#used.add(found)
    this.#skipped++
    return true
  }

  #same(what: string, got: unknown, want: unknown): void {
    if (got !== want) this.differences.push(`${what}: ${got}, the truth says ${want}`)
  }

  #conversation(conversation: Conversation, sessions: readonly FlowRecord[]): void {
    const name = conversationName(conversation)
    if (this.#ambiguous('conversation', name)) return
    const index = conversation.idx
    const expected = this.#expected.sessions.filter((s) => s.conversation === index)
    const counts = !this.#ambiguous('counts', name)
    const times = !this.#ambiguous('times', name)
    if (counts) {
      this.#sums(conversation, sessions)
      this.#same(`${name}: sessions`, sessions.length, expected.length)
      for (const [i, want] of expected.entries()) {
        const got = sessions[i]
        if (got !== undefined) this.#session(`${name} #${i + 1}`, conversation, got, want, times)
      }
    }
    if (sessions.length > 0) this.#communityId(conversation, sessions[0]!)
    if (sessions.length === 1) this.#connState(conversation, sessions[0]!)
  }

  /** Sessions + strays = the conversation with its later fragments, each way. */
  #sums(conversation: Conversation, sessions: readonly FlowRecord[]): void {
    const name = conversationName(conversation)
    for (const dir of ['ab', 'ba'] as const) {
      const truth = conversation[dir]
      const strays = this.#expected.strays.filter(
        (s) => s.conversation === conversation.idx && s.dir === dir,
      )
      let [packets, bytes, payload] = [strays.length, 0, 0]
      for (const stray of strays) {
        bytes += stray.bytes
        payload += stray.payload
      }
      for (const session of sessions) {
        const tx = isTx(conversation, session, dir)
        packets += tx ? session.packetsTx : session.packetsRx
        bytes += tx ? session.bytesTx : session.bytesRx
        payload += tx ? session.payloadTx : session.payloadRx
      }
      this.#same(`${name} ${dir} packets`, packets, truth.pkts + truth.later_fragments)
      this.#same(`${name} ${dir} bytes`, bytes, truth.ip_bytes + truth.later_fragment_ip_bytes)
      // Fragments: the truth's payload of a first fragment is that of its whole datagram.
      if (truth.first_fragments > 0 || this.#ambiguous('payload', name)) continue
      this.#same(`${name} ${dir} payload`, payload, truth.payload_bytes)
    }
  }

  #session(
    name: string,
    conversation: Conversation,
    got: FlowRecord,
    want: ExpectedSession,
    times: boolean,
  ): void {
    for (const dir of ['ab', 'ba'] as const) {
      const tx = isTx(conversation, got, dir)
      this.#same(`${name} ${dir} packets`, tx ? got.packetsTx : got.packetsRx, want.pkts[dir])
      this.#same(`${name} ${dir} bytes`, tx ? got.bytesTx : got.bytesRx, want.bytes[dir])
    }
    if (!times) return
    this.#same(`${name} first`, got.startTimeUs, want.firstUs)
    this.#same(`${name} last`, got.endTimeUs, want.lastUs)
  }

  #communityId(conversation: Conversation, session: FlowRecord): void {
    const want = conversation.community_id
    if (want === null || this.helpers.communityId === null) return
    const name = conversationName(conversation)
    if (this.#ambiguous('communityId', name)) return
    this.#communityIds++
    this.#same(`${name} community id`, this.helpers.communityId(session), want)
  }

  /** Zeek's conn_state, where one row of a primary baseline is this conversation and it is one session. */
  #connState(conversation: Conversation, session: FlowRecord): void {
    const key = conversationKey(conversation)
    const rows = (this.truth.baselines.zeek ?? [])
      .filter((baseline) => baseline.primary)
      .flatMap((baseline) => baseline.rows.map((row) => ({ row, test: baseline.test })))
      .filter(({ row }) => {
        const orig = `${row['id.orig_h']} ${row['id.orig_p']}`
        const resp = `${row['id.resp_h']} ${row['id.resp_p']}`
        return `${row.proto} ${ordered(orig, resp)}` === key && row.conn_state !== undefined
      })
    if (rows.length === 0) return
    const name = conversationName(conversation)
    if (this.#ambiguous('connState', name)) return
    for (const { row, test } of rows) {
      this.#connStates++
      this.#same(`${name} conn_state (${test})`, session.connState, row.conn_state)
      const orig = `${row['id.orig_h']} ${row['id.orig_p']}`
      this.#same(`${name} initiator (${test})`, `${session.sourceIp} ${session.sourcePort}`, orig)
    }
  }

  /** Nothing is lost: sessions + other + pending = everything in the file. */
  #totals(sessions: readonly FlowRecord[]): void {
    const { all, inSessions, other, pending } = this.run
    if (!this.#ambiguous('frames', '')) {
      this.#same('frames', all.packets, this.truth.capture.frames)
    }
    for (const unit of ['packets', 'bytes'] as const) {
      const others = OTHER_REASONS.reduce((sum, reason) => sum + other[reason][unit], 0)
      this.#same(`sessions + other, ${unit}`, inSessions[unit] + others, all[unit])
      this.#same(`pending at the end, ${unit}`, pending[unit], 0)
    }
    const packets = sessions.reduce((sum, s) => sum + s.packetsTx + s.packetsRx, 0)
    const bytes = sessions.reduce((sum, s) => sum + s.bytesTx + s.bytesRx, 0)
    this.#same('packets in records', packets, inSessions.packets)
    this.#same('bytes in records', bytes, inSessions.bytes)
  }

  #otherTraffic(): void {
    const { other } = this.run
    if (this.#ambiguous('notCounted', '')) return
    const strays = this.#expected.strays.filter((stray) => !stray.fragment)
    const want = new Map<string, number>([
      ['stray', strays.length],
      [
        'fragment',
        this.#expected.strays.length - strays.length + this.truth.fragments.unattributed,
      ],
    ])
    for (const [text, packets] of Object.entries(this.truth.not_counted)) {
      const group = groupOf(text)
      want.set(group, (want.get(group) ?? 0) + packets)
    }
    const got = new Map<string, number>()
    for (const reason of OTHER_REASONS) {
      const group = UNREADABLE.includes(reason) ? 'unreadable' : reason
      got.set(group, (got.get(group) ?? 0) + other[reason].packets)
    }
    for (const [group, packets] of got) this.#same(`other: ${group}`, packets, want.get(group) ?? 0)
    const bytes = strays.reduce((sum, stray) => sum + stray.bytes, 0)
    this.#same('other: stray, bytes', other.stray.bytes, bytes)
  }

  #damage(): void {
    const { tshark_exit, raw_reader_error } = this.truth.capture
    if (this.#ambiguous('damage', '')) return
    this.#same('damaged', this.run.damage !== null, tshark_exit !== 0 || raw_reader_error !== null)
  }
}

function isTx(conversation: Conversation, session: FlowRecord, dir: 'ab' | 'ba'): boolean {
  const { a } = conversation
  const fromA = session.sourceIp === a.ip && session.sourcePort === a.port
  return fromA === (dir === 'ab')
}

/** Reasons that tshark's words do not tell apart: it shows a cut or broken header as no IP. */
const UNREADABLE: readonly OtherReason[] = [
  'arp',
  'nonIp',
  'unknownLink',
  'truncated',
  'badHeader',
  'extensionLimit',
]

/** `not_counted` of the truth: "other_ip: icmp", "non_ip: eth:ethertype:arp", "bad: ...". */
function groupOf(text: string): string {
  const [kind, detail = ''] = text.split(': ')
  // "other_ip: proto-6" is a TCP packet without a TCP header.
  if (kind !== 'other_ip' || detail === 'proto-6' || detail === 'proto-17') return 'unreadable'
  return OTHER_REASONS.includes(detail as OtherReason) ? detail : 'otherIp'
}
