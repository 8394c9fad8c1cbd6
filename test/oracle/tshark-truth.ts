/**
 * Truth for any capture, made by tshark on the spot: `npm run oracle -- --tshark FILE...`
 *
 * tshark says where the headers are and what is in them, one row a frame; here only the words of docs/accuracy.md are
 * applied to its rows: which frames count, what a later fragment belongs to. No octet of the capture is read here.
 */
import { spawnSync } from 'node:child_process'
import type { Conversation, Truth, TruthDirection, TruthFragment, TruthPacket } from './truth.js'
import { microseconds } from './truth.js'

const FIELDS = [
  ...['frame.encap_type', 'frame.time_epoch', 'frame.protocols', 'communityid'],
  ...['ip.src', 'ip.dst', 'ip.cur_rt', 'ip.proto', 'ip.len', 'ip.hdr_len', 'ip.id'],
  ...['ip.frag_offset', 'ip.flags.mf', 'ip.bogus_ip_length', 'ip.bogus_header_length'],
  ...['ipv6.src', 'ipv6.dst', 'ipv6.plen', 'ipv6.plen_exceeds_framing', 'ipv6.fraghdr.ident'],
  ...['ipv6.fraghdr.offset', 'ipv6.fraghdr.more', 'ipv6.fraghdr.nxt'],
  ...['tcp.srcport', 'tcp.dstport', 'tcp.flags', 'tcp.seq_raw', 'tcp.len', 'tcp.hdr_len'],
  ...['udp.srcport', 'udp.dstport', 'udp.length'],
] as const
type Row = Readonly<Record<(typeof FIELDS)[number], string>>

/** Reassembly off: each frame for itself. TSO on: a length of 0 is the rest of the frame. */
const PREFERENCES = [
  ...['ip.defragment:FALSE', 'ipv6.defragment:FALSE', 'tcp.desegment_tcp_streams:FALSE'],
  ...['ip.tso_support:TRUE', 'ipv6.tso_support:TRUE', 'tcp.relative_sequence_numbers:FALSE'],
]

/** What tshark calls the layers that are read through (docs/accuracy.md); with another one before IP nothing is counted. */
const LAYERS = new Set(
  `eth ethertype vlan ieee8021ad llc raw null loop sll ppp chdlc pppoes pppoe mpls nflog ieee8021ah vntag ieee8021br
   etag macsec fp cfp infiniband ipoib basicxid`.split(/\s+/),
)
const REASONS = new Map([
  [1, 'icmp'],
  [2, 'igmp'],
  [47, 'gre'],
  [50, 'esp'],
  [58, 'icmpv6'],
  [132, 'sctp'],
])
const IPV6_EXTENSIONS = new Set([0, 43, 44, 51, 60, 135, 139, 140])
const FRAGMENT_LIFE_US = 30_000_000

/** A frame, sorted. */
type Frame =
  | { readonly kind: 'other'; readonly reason: string }
  | {
      readonly kind: 'packet'
      readonly packet: Omit<TruthPacket, 'frame' | 'us' | 'conversation' | 'dir' | 'laterFragment'>
      readonly proto: 'tcp' | 'udp'
      readonly source: Endpoint
      readonly dest: Endpoint
      readonly datagram: string | null
    }
  | { readonly kind: 'later'; readonly datagram: string; readonly bytes: number }
interface Endpoint {
  readonly ip: string
  readonly port: number
}

const other = (reason: string): Frame => ({ kind: 'other', reason })

export function readFrames(path: string): { rows: Row[]; exit: number } {
  const options = PREFERENCES.flatMap((preference) => ['-o', preference])
  const fields = FIELDS.flatMap((field) => ['-e', field])
  const format = ['-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=f']
  const args = ['-n', '-r', path, '--enable-protocol', 'communityid', ...options, ...format]
  const run = spawnSync('tshark', [...args, ...fields], { maxBuffer: 2 ** 31 })
  if (run.error !== undefined) throw run.error
  const lines = run.stdout.toString().split('\n').slice(0, -1)
  const blocks = lines.map((line) => {
    const values = line.split('\t')
    return Object.fromEntries(FIELDS.map((field, i) => [field, values[i] ?? ''])) as Row
  })
  // Blocks of pcapng that are no packet (logs, custom ones) have no link type.
  const rows = blocks.filter((row) => row['frame.encap_type'] !== '')
  return { rows, exit: run.status ?? -1 }
}

/** The outermost IP header of a frame, as far as both versions have it. */
interface Outer {
  readonly source: string
  readonly dest: string
  /** IP octets; 0: super-packet. */
  readonly bytes: number
  readonly headers: number
  readonly next: string
  readonly id: string
  readonly offset: number
  readonly more: boolean
  /** Of the transport, where tshark names it by number only. */
  readonly protocol: number
}

function outerIp(row: Row): Outer | string {
  const layers = row['frame.protocols'].split(':')
  const at = layers.findIndex((layer) => layer === 'ip' || layer === 'ipv6')
  if (at < 0) return 'non_ip'
  const before = layers.slice(0, at)
  if (before.some((layer) => !LAYERS.has(layer))) return `non_ip: ${before.join(':')}`
  if (before.includes('mpls') && before.lastIndexOf('eth') > before.indexOf('mpls')) return 'non_ip'
  if (layers[at] === 'ip') {
    if (row['ip.bogus_ip_length'] || row['ip.bogus_header_length']) return 'bad: length'
    if (row['ip.src'] === '') return 'bad: header'
    return {
      source: row['ip.src'],
      dest: row['ip.cur_rt'] || row['ip.dst'],
      bytes: Number(row['ip.len']),
      headers: Number(row['ip.hdr_len']),
      next: layers[at + 1] ?? '',
      id: `${row['ip.id']} ${row['ip.proto']}`,
      offset: Number(row['ip.frag_offset']),
      more: isSet(row['ip.flags.mf']),
      protocol: Number(row['ip.proto']),
    }
  }
  if (row['ipv6.plen_exceeds_framing'] || row['ipv6.src'] === '') return 'bad: length'
  const next = layers.slice(at + 1).find((layer) => !/^(ipv6\.|ah$|mipv6$|hip$|shim6$)/.test(layer))
  const plen = Number(row['ipv6.plen'])
  return {
    source: row['ipv6.src'],
    dest: row['ipv6.dst'],
    bytes: plen === 0 ? 0 : plen + 40,
    headers: 40,
    next: next ?? '',
    id: row['ipv6.fraghdr.ident'],
    offset: Number(row['ipv6.fraghdr.offset']),
    more: isSet(row['ipv6.fraghdr.more']),
    protocol: row['ipv6.fraghdr.nxt'] === '' ? -1 : Number(row['ipv6.fraghdr.nxt']),
  }
}

const isSet = (text: string): boolean => text === '1' || text === 'True'

function sortFrame(row: Row): Frame {
  const ip = outerIp(row)
  if (typeof ip === 'string') return other(ip)
  const datagram = `${ip.source} ${ip.dest} ${ip.id}`
  const transport = [6, 17].includes(ip.protocol)
  if (ip.offset > 0) {
    const unknown = row['ipv6.src'] !== '' && IPV6_EXTENSIONS.has(ip.protocol)
    if (!transport && !unknown) return other(`other_ip: ${REASONS.get(ip.protocol) ?? ''}`)
    return { kind: 'later', datagram, bytes: ip.bytes }
  }
  if (ip.next !== 'tcp' && ip.next !== 'udp') {
    if (transport) return other('bad: no transport header')
    return other(`other_ip: ${REASONS.get(ip.protocol) ?? ip.next}`)
  }
  return sortTransport(row, ip, ip.more ? datagram : null, ip.next)
}

function sortTransport(row: Row, ip: Outer, datagram: string | null, proto: 'tcp' | 'udp'): Frame {
  const [from, to] = [row[`${proto}.srcport`], row[`${proto}.dstport`]]
  if (from === '' || to === '') return other('bad: no ports')
  const [length, header] = [Number(row['tcp.len']), Number(row['tcp.hdr_len'])]
  const cutHeader = row['tcp.hdr_len'] === ''
  const transportBytes = proto === 'tcp' ? header + length : Number(row['udp.length'])
  const bytes = ip.bytes || ip.headers + transportBytes
  if (proto === 'tcp' && !cutHeader && datagram === null) {
    if (header < 20 || ip.headers + header > bytes) return other('bad: TCP data offset')
  }
  if (proto === 'udp' && datagram === null && bytes < ip.headers + 8)
    return other('bad: UDP length')
  const payload = proto === 'tcp' ? (cutHeader ? null : length) : Number(row['udp.length']) - 8
  return {
    kind: 'packet',
    proto,
    datagram,
    source: { ip: ip.source, port: Number(from) },
    dest: { ip: ip.dest, port: Number(to) },
    packet: {
      ipBytes: bytes,
      payload: datagram === null ? payload : null,
      flags: row['tcp.flags'] === '' ? null : Number(row['tcp.flags']) & 0xff,
      tcpSequence: row['tcp.seq_raw'] === '' ? null : Number(row['tcp.seq_raw']),
    },
  }
}

class Collector {
  readonly conversations: { -readonly [K in keyof Conversation]: Conversation[K] }[] = []
  readonly notCounted: Record<string, number> = {}
  readonly packets: TruthPacket[] = []
  readonly fragments: TruthFragment[] = []
  unattributed = 0
  readonly #byKey = new Map<string, number>()
  /** By datagram: its latest first fragment, and the later ones that wait for one. */
  readonly #heads = new Map<string, { packet: TruthPacket; us: number }>()
  readonly #waiting = new Map<string, { us: number; bytes: number; frame: number }[]>()

  add(frame: Frame, number: number, us: number, communityId: string): void {
    if (frame.kind === 'other') {
      this.notCounted[frame.reason] = (this.notCounted[frame.reason] ?? 0) + 1
    } else if (frame.kind === 'later') this.#later(frame, number, us)
    else {
      const { index, dir } = this.#conversation(frame, communityId)
      const where = { frame: number, us, conversation: index, dir, laterFragment: false }
      const packet = { ...frame.packet, ...where }
      this.packets.push(packet)
      this.#sum(packet, frame.datagram !== null)
      if (frame.datagram === null) return
      this.#heads.set(frame.datagram, { packet, us })
      for (const before of this.#waiting.get(frame.datagram) ?? []) {
        if (us - before.us > FRAGMENT_LIFE_US) this.unattributed++
        else this.#attribute(packet, before.us, before.bytes, before.frame)
      }
      this.#waiting.delete(frame.datagram)
    }
  }

  finish(): void {
    for (const waiting of this.#waiting.values()) this.unattributed += waiting.length
  }

  #later({ datagram, bytes }: Frame & { kind: 'later' }, frame: number, us: number): void {
    const head = this.#heads.get(datagram)
    if (head !== undefined && us - head.us <= FRAGMENT_LIFE_US) {
      head.us = us
      this.#attribute(head.packet, us, bytes, frame)
    } else {
      this.#waiting.set(datagram, [...(this.#waiting.get(datagram) ?? []), { us, bytes, frame }])
    }
  }

  #attribute(head: TruthPacket, us: number, ipBytes: number, frame: number): void {
    const { conversation, dir } = head
    const unknown = { payload: null, flags: null, tcpSequence: null, laterFragment: true }
    // One that came before its first fragment is counted right after it.
    const place = Math.max(frame, head.frame)
    this.packets.push({ frame: place, us, conversation, dir, ipBytes, ...unknown })
    const sums = this.conversations[conversation]![dir] as {
      -readonly [K in keyof TruthDirection]: number
    }
    sums.later_fragments++
    sums.later_fragment_ip_bytes += ipBytes
  }

  #sum(packet: TruthPacket, head: boolean): void {
    const sums = this.conversations[packet.conversation]![packet.dir] as {
      -readonly [K in keyof TruthDirection]: number
    }
    sums.pkts++
    sums.ip_bytes += packet.ipBytes
    sums.payload_bytes += packet.payload ?? 0
    // Where the payload is not known its sum is not compared; so it is for fragments.
    if (head || packet.payload === null) sums.first_fragments++
  }

  #conversation(
    { proto, source, dest }: Frame & { kind: 'packet' },
    communityId: string,
  ): { index: number; dir: 'ab' | 'ba' } {
    const [from, to] = [`${source.ip} ${source.port}`, `${dest.ip} ${dest.port}`]
    const back = this.#byKey.get(`${proto} ${to} ${from}`)
    if (back !== undefined && from !== to) return { index: back, dir: 'ba' }
    let index = this.#byKey.get(`${proto} ${from} ${to}`)
    if (index === undefined) {
      index = this.conversations.length
      this.#byKey.set(`${proto} ${from} ${to}`, index)
      this.conversations.push({
        idx: index,
        proto,
        a: source,
        b: dest,
        ab: nothing(),
        ba: nothing(),
        exact_pkts: true,
        exact_bytes: true,
        exact_times: true,
        community_id: communityId || null,
      })
    }
    return { index, dir: 'ab' }
  }
}

const nothing = (): TruthDirection => ({
  pkts: 0,
  ip_bytes: 0,
  payload_bytes: 0,
  first_fragments: 0,
  later_fragments: 0,
  later_fragment_ip_bytes: 0,
})

/** tshark's is that of the innermost IP header. */
function communityIdOf(row: Row): string {
  const headers = row['frame.protocols'].split(':').filter((layer) => /^ip(v6)?$/.test(layer))
  return headers.length === 1 ? row.communityid : ''
}

export function tsharkTruth(path: string): { truth: Truth; packets: TruthPacket[] } {
  const { rows, exit } = readFrames(path)
  const collector = new Collector()
  let us = 0
  for (const [i, row] of rows.entries()) {
    us = microseconds(row['frame.time_epoch']) ?? us
    collector.add(sortFrame(row), i + 1, us, communityIdOf(row))
  }
  collector.finish()
  const truth: Truth = {
    file: path,
    capture: { frames: rows.length, tshark_exit: exit, raw_reader_error: null },
    not_counted: collector.notCounted,
    conversations: collector.conversations,
    fragments: { unattributed: collector.unattributed, list: [] },
    baselines: {},
  }
  // Stable: what belongs right after its first fragment was added after it.
  return { truth, packets: collector.packets.sort((a, b) => a.frame - b.frame) }
}
