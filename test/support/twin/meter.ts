/**
 * The twin: design section 2 and docs/accuracy.md as a short, slow program. A Map of flows, linear scans for every
 * timer, no cleverness. The engine must produce the same records and counters.
 *
 * In: packets in capture order. Out: `records` (in the order they came out) and `counters`.
 */
import { BlockList, isIPv6 } from 'node:net'
import type { DirectionBasis, EndReason } from '../../../src/session/session.js'
import { type Amount, add, nothing } from './amount.js'
import type { Packet } from './capture.js'
import { Clocks, STEP_US } from './clocks.js'
import { Datagrams, nothingPending } from './datagrams.js'
import { EARLY_REPORT_US, endpointText, Flow, isOpeningSyn, type TwinRecord } from './flow.js'
import { Held, type Meaning, microseconds } from './held.js'
import { decode, type Endpoint, type LaterFragment, type Other, type Segment } from './ip.js'
import { TWIN_DEFAULTS, type TwinOptions } from './options.js'
import { OTHER_REASONS, type OtherReason } from './reader.js'
import { ACK, FIN, RST, SYN } from './tcp-state.js'

const TICK_US = 100_000
/** As in the engine. */
const WAITING_SYNS_MAX = 4096
/** In its last sixteenth of silence before the idle timeout a session gets no interim record. */
const NEARLY = 16

function flowKey(protocol: string, a: Endpoint, b: Endpoint): string {
  return [protocol, ...[endpointText(a), endpointText(b)].sort()].join(' ')
}

export class Twin {
  readonly records: TwinRecord[] = []
  readonly all = nothing()
  readonly inSessions = nothing()
  readonly other: Record<OtherReason, Amount>
  /** Sessions that have left the table, by reason; `activeTimeout`: interim records. */
  readonly ended: Record<EndReason, number>
  sessionsOpened = 0
  /** Flows that went out because the table was full. */
  evictions = 0
  waitingSynsFull = 0

  readonly #options: TwinOptions
  #inside = new BlockList()
  readonly #flows = new Map<string, Flow>()
  readonly #datagrams: Datagrams
  readonly #clocks = new Clocks()
  readonly #held = new Held(this.#clocks)
  #packetUs = 0
  /** Of sessions that open from now on. */
  epoch = 0

  constructor(options: Partial<TwinOptions> = {}) {
    this.#options = { ...TWIN_DEFAULTS, ...options }
    this.other = Object.fromEntries(OTHER_REASONS.map((r) => [r, nothing()])) as typeof this.other
    this.ended = {
      idleTimeout: 0,
      activeTimeout: 0,
      endOfFlowDetected: 0,
      forcedEnd: 0,
      lackOfResources: 0,
    }
    this.#datagrams = new Datagrams(this.#options.fragmentsMax, (fragments) =>
      add(this.other.fragment, fragments),
    )
    this.setInside(this.#options.inside)
  }

  get openSessions(): number {
    return this.#flows.size
  }

  get oldestEpoch(): number {
    return Math.min(this.epoch, ...[...this.#flows.values()].map((flow) => flow.epoch))
  }

  /** Later fragments whose head has not come yet. */
  get pending(): Amount {
    return this.#datagrams.pending
  }

  get fragmentEvictions(): number {
    return this.#datagrams.evictions
  }

  /** What ticks and fragments go by. */
  get now(): number {
    return this.#clocks.tickUs ?? 0
  }

  setInside(prefixes: readonly string[]): void {
    this.#inside = new BlockList()
    for (const prefix of prefixes) {
      const [ip = '', length] = prefix.split('/')
      this.#inside.addSubnet(ip, Number(length), isIPv6(ip) ? 'ipv6' : 'ipv4')
    }
  }

  packet(packet: Packet): void {
    const { ns, interface: number = 0 } = packet
    const holds = this.#held.packets.length > 0
    if (!holds && (ns === null || !this.#clocks.isAhead(number, microseconds(packet)))) {
      this.#take(packet, (us) => this.#clocks.stamp(number, us))
      return
    }
    const word = this.#held.hear(packet)
    if (word === 'wrongStamp' || word === 'interfaceWasSet') {
      this.#release(word)
      this.packet(packet)
      return
    }
    if (word === 'over') {
      this.#decideHeld()
      this.packet(packet)
      return
    }
    this.#held.packets.push(packet)
    if (this.#held.isFull) this.#decideHeld()
  }

  #decideHeld(): void {
    const { packets } = this.#held
    if (packets.length === 0) return
    const segments = packets.map((packet) => decode(packet))
    const denied = segments.some((_, i) => this.#deniesSilence(segments.slice(0, i + 1)))
    this.#release(denied ? 'clockWasSet' : 'silence')
  }

  /** Does the last of them prove that no minute of silence was before it? */
  #deniesSilence(decoded: readonly (Segment | LaterFragment | Other)[]): boolean {
    const segment = decoded.at(-1)!
    if (segment.kind !== 'segment') return false
    const key = flowKey(segment.protocol, segment.source, segment.dest)
    const before = decoded
      .slice(0, -1)
      .filter((each): each is Segment => each.kind === 'segment')
      .filter(({ protocol, source, dest }) => flowKey(protocol, source, dest) === key)
    const flow = this.#flows.get(key)
    const clock = this.#clocks.known(this.#held.packets[0]!.interface ?? 0)
    if (flow?.clock !== clock || flow.endUs <= flow.clock.nowUs) return false
    if (flow.clock.nowUs - flow.lastActivityUs > STEP_US) return false
    return flow.goesOnAtOnce(segment, before)
  }

  #release(meaning: Meaning): void {
    const packets = this.#held.packets.splice(0)
    const number = packets[0]!.interface ?? 0
    const clock = this.#clocks.known(number)!
    if (meaning === 'interfaceWasSet') clock.interfaceWasSet(number, microseconds(packets[0]!))
    if (meaning === 'clockWasSet') clock.wasSet(number, microseconds(packets[0]!))
    for (const packet of packets) {
      const own = packet.interface ?? 0
      this.#take(packet, (us) => {
        if (meaning === 'silence') this.#clocks.stamp(own, us)
        else this.#clocks.stay(own, us)
      })
    }
  }

  #take(packet: Packet, stamp: (us: number) => void): void {
    if (packet.ns !== null) this.#packetUs = microseconds(packet)
    if (packet.ns !== null || this.#clocks.tickUs === null) {
      const before = this.#clocks.tickUs
      stamp(this.#packetUs)
      this.#passTime(before)
    }
    const decoded = decode(packet)
    add(this.all, { packets: 1, bytes: decoded.bytes })
    if (decoded.kind === 'segment') this.#segment(decoded)
    else if (decoded.kind === 'laterFragment') this.#laterFragment(decoded)
    else this.#other(decoded)
  }

  /** Time goes on without a packet. */
  advance(ns: bigint): void {
    this.#decideHeld()
    const before = this.#clocks.tickUs
    this.#clocks.advance(Math.max(0, Number(ns / 1000n)))
    this.#passTime(before)
  }

  /** End of input: every flow comes out, in order of sequence; what still waits for a head never gets one. */
  finish(): void {
    this.#decideHeld()
    this.#datagrams.giveUp()
    const flows = [...this.#flows.values()].sort((a, b) => a.sequence - b.sequence)
    for (const flow of flows) this.#end(flow, flow.naturalEnd(flow.clock.nowUs) ?? 'forcedEnd')
  }

  // --- time

  #passTime(before: number | null): void {
    const tick = Math.floor(this.now / TICK_US)
    if (before !== null && tick > Math.floor(before / TICK_US)) this.#runTimers(tick * TICK_US)
  }

  /** Handles every deadline up to and including `limitUs`, earliest first. */
  #runTimers(limitUs: number): void {
    const due: { at: number; sequence: number; rank: number; run: () => void }[] = []
    const { current } = this.#clocks
    for (const flow of this.#flows.values()) {
      // Nothing passes on other clocks: what is due there is met by the flow's next packet, or at the end.
      if (flow.clock !== current) continue
      const { sequence } = flow
      const add = (at: number, rank: number, run: () => void) => {
        if (at <= limitUs - this.now + current.nowUs) due.push({ at, sequence, rank, run })
      }
      if (flow.closedAtUs === null && flow.nextInterimUs < flow.endUs) {
        const tickUs = Math.ceil(flow.nextInterimUs / TICK_US) * TICK_US
        add(flow.nextInterimUs, 0, () => this.#interim(flow, tickUs))
      } else if (flow.closedAtUs !== null && this.#options.earlyReport && !flow.earlyReported) {
        add(flow.closedAtUs + EARLY_REPORT_US, 0, () => this.#reportEarly(flow))
      }
      add(flow.endUs, 1, () => this.#end(flow, flow.naturalEnd(flow.clock.nowUs)!))
    }
    due.sort((a, b) => a.at - b.at || a.sequence - b.sequence || a.rank - b.rank)
    const ended = new Set<number>()
    for (const { sequence, rank, run } of due) {
      if (ended.has(sequence)) continue
      run()
      if (rank === 1) ended.add(sequence)
    }
    this.#datagrams.expire(limitUs)
  }

  /** A packet hits a flow: what is due comes first. Returns whether the flow is still there. */
  #meetDeadlines(flow: Flow): boolean {
    const { closedAtUs, nextInterimUs, endUs } = flow
    const now = flow.clock.nowUs
    if (closedAtUs === null && nextInterimUs <= now && nextInterimUs < endUs) {
      this.#interim(flow, now)
    }
    if (flow.endUs > now) return true
    this.#end(flow, flow.naturalEnd(flow.clock.nowUs)!)
    return false
  }

  // --- records

  /** An interim record is due, and it is `us`; of a session that is about to end it waits for that end. */
  #interim(flow: Flow, us: number): void {
    if (flow.packets > flow.packetsAtReport) {
      const { idleTimeout } = flow
      if (us - flow.lastActivityUs >= idleTimeout - Math.floor(idleTimeout / NEARLY)) {
        flow.nextInterimUs = flow.endUs
        return
      }
      this.#report(flow, 'activeTimeout')
      this.ended.activeTimeout++
    }
    const { active } = this.#options.timeouts
    const passed = Math.floor((flow.clock.nowUs - flow.nextInterimUs) / active)
    flow.nextInterimUs += (passed + 1) * active
  }

  #reportEarly(flow: Flow): void {
    flow.earlyReported = true
    this.#report(flow, 'endOfFlowDetected')
  }

  #report(flow: Flow, reason: EndReason): void {
    flow.packetsAtReport = flow.packets
    flow.startSaid = true
    this.records.push(flow.record(reason))
  }

  #end(flow: Flow, reason: EndReason): void {
    this.#countWaitingSyn(flow)
    if (!flow.earlyReported || flow.packets > flow.packetsAtReport) this.#report(flow, reason)
    this.#flows.delete(flowKey(flow.protocol, flow.initiator, flow.responder))
    this.ended[reason]++
  }

  // --- packets

  #other(packet: Other): void {
    add(this.other[packet.reason], { packets: 1, bytes: packet.bytes })
    if (packet.quoted === null) return
    const { protocol, source, dest } = packet.quoted
    const flow = this.#flows.get(flowKey(protocol, source, dest))
    if (flow === undefined || !this.#meetDeadlines(flow)) return
    if (flow.rx.packets === 0 && flow.isFromInitiator(source)) flow.icmpError = true
  }

  #segment(segment: Segment): void {
    const key = flowKey(segment.protocol, segment.source, segment.dest)
    const flow = this.#liveFlow(key, segment) ?? this.#open(key, segment)
    if (flow?.mustWaitForAnswer(segment) && this.#mayWait(flow)) {
      this.#waitForAnswer(flow, segment)
    } else if (flow === null) add(this.other.stray, { packets: 1, bytes: segment.bytes })
    else {
      const fromInitiator = flow.isFromInitiator(segment.source)
      flow.number(fromInitiator, segment)
      this.#count(flow, fromInitiator, { packets: 1, ...segment })
      flow.follow(fromInitiator, segment, this.#packetUs)
    }
    if (segment.datagram !== null) this.#head(segment.datagram, key, segment.source, flow)
  }

  /** The flow has a packet; its times are of the packet's clock from now on. */
  #touch(flow: Flow): void {
    const { current } = this.#clocks
    if (flow.clock !== current) flow.moveTimes(current.nowUs - flow.clock.nowUs)
    flow.clock = current
    flow.lastActivityUs = current.nowUs
  }

  #count(
    flow: Flow,
    fromInitiator: boolean,
    amount: { packets: number; bytes: number; payload: number },
    times = { minUs: this.#packetUs, maxUs: this.#packetUs },
  ): void {
    flow.count(fromInitiator, amount, times)
    this.#touch(flow)
    add(this.inSessions, amount)
  }

  /** The flow this packet belongs to; a SYN with another number ends a closed one. */
  #liveFlow(key: string, segment: Segment): Flow | null {
    const flow = this.#flows.get(key)
    if (flow === undefined || !this.#meetDeadlines(flow)) return null
    const moved = this.#answerWaitingSyn(key, flow, segment)
    if (moved !== null) return moved
    const direction = flow.isFromInitiator(segment.source) ? flow.tx : flow.rx
    const another = isOpeningSyn(segment.flags) && segment.tcpSequence !== direction.synSequence
    if (flow.closedAtUs === null || !another) return flow
    this.#end(flow, 'endOfFlowDetected')
    return null
  }

  #mayWait(flow: Flow): boolean {
    const waiting = [...this.#flows.values()].filter(({ waitingSyn }) => waitingSyn !== null)
    if (flow.waitingSyn !== null || waiting.length < WAITING_SYNS_MAX) return true
    this.waitingSynsFull++
    return false
  }

  #waitForAnswer(flow: Flow, segment: Segment): void {
    const { amount, times, latest } = flow.waitingSyn ?? {
      amount: { packets: 0, bytes: 0, payload: 0 },
      times: { minUs: this.#packetUs, maxUs: this.#packetUs },
      latest: segment,
    }
    flow.waitingSyn = {
      latest: { ...segment, flags: segment.flags! | latest.flags! },
      amount: { ...amount, packets: amount.packets + 1, bytes: amount.bytes + segment.bytes },
      times: {
        minUs: Math.min(times.minUs, this.#packetUs),
        maxUs: Math.max(times.maxUs, this.#packetUs),
      },
      latestUs: this.#packetUs,
    }
    add(this.inSessions, { packets: 1, bytes: segment.bytes })
  }

  /** Counts the SYN that waits into the session that was there. */
  #countWaitingSyn(flow: Flow): void {
    const syn = flow.waitingSyn
    if (syn === null) return
    flow.waitingSyn = null
    const fromInitiator = flow.isFromInitiator(syn.latest.source)
    flow.number(fromInitiator, syn.latest)
    flow.count(fromInitiator, syn.amount, syn.times)
    flow.follow(fromInitiator, syn.latest, syn.latestUs)
    for (let i = 1; i < syn.amount.packets; i++) flow.number(fromInitiator, syn.latest)
  }

  /** The session that the answered SYN opens; null: it opens none. */
  #answerWaitingSyn(key: string, flow: Flow, segment: Segment): Flow | null {
    const syn = flow.waitingSyn
    if (syn === null) return null
    const flags = (segment.flags ?? 0) & (SYN | ACK | RST | FIN)
    const back = flow.isFromInitiator(segment.source) !== flow.isFromInitiator(syn.latest.source)
    const { tcpSequence } = syn.latest
    const again =
      isOpeningSyn(segment.flags) &&
      !back &&
      segment.payload === 0 &&
      segment.tcpSequence === tcpSequence
    if (again || (flags & (SYN | RST)) === 0) return null
    const answers =
      flags === (SYN | ACK) && back && segment.tcpAcknowledgement === (tcpSequence + 1) >>> 0
    if (!answers) {
      this.#countWaitingSyn(flow)
      return null
    }
    flow.waitingSyn = null
    this.#end(flow, 'endOfFlowDetected')
    const opened = this.#open(key, syn.latest)!
    opened.number(true, syn.latest)
    opened.count(true, syn.amount, syn.times)
    this.#touch(opened)
    opened.follow(true, syn.latest, syn.latestUs)
    for (let i = 1; i < syn.amount.packets; i++) opened.number(true, syn.latest)
    return opened
  }

  /** A new session, or null: a stray. */
  #open(key: string, segment: Segment): Flow | null {
    const orientation = this.#orient(segment)
    if (orientation === null) return null
    if (this.#flows.size >= this.#options.flowsMax) this.#evict()
    const { timeouts } = this.#options
    const sequence = ++this.sessionsOpened
    const flow = new Flow(sequence, this.epoch, segment, orientation, this.#clocks, timeouts)
    this.#flows.set(key, flow)
    return flow
  }

  #orient(
    segment: Segment,
  ): { initiator: Endpoint; responder: Endpoint; basis: DirectionBasis } | null {
    const { source, dest, flags } = segment
    if (segment.protocol === 'tcp' && flags !== null) {
      if (flags & (RST | FIN)) return null
      if (flags & SYN && flags & ACK) return { initiator: dest, responder: source, basis: 'synAck' }
      if (flags & SYN) return { initiator: source, responder: dest, basis: 'syn' }
      if (segment.payload === 0) return null
    }
    const [sourceInside, destInside] = [this.#isInside(source), this.#isInside(dest)]
    if (sourceInside === destInside) {
      return { initiator: source, responder: dest, basis: 'firstPacket' }
    }
    return sourceInside
      ? { initiator: source, responder: dest, basis: 'peer' }
      : { initiator: dest, responder: source, basis: 'peer' }
  }

  #isInside({ ip }: Endpoint): boolean {
    return this.#inside.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4')
  }

  /** The table is full: the flow that has been idle longest goes. */
  #evict(): void {
    const flows = [...this.#flows.values()]
    flows.sort((a, b) => a.lastActivityUs - b.lastActivityUs || a.sequence - b.sequence)
    const flow = flows[0]!
    this.evictions++
    this.#end(flow, flow.naturalEnd(flow.clock.nowUs) ?? 'lackOfResources')
  }

  // --- fragments

  #head(id: string, key: string, source: Endpoint, flow: Flow | null): void {
    const datagram = this.#datagrams.latest(id, this.now)
    datagram.head = flow === null ? 'noSession' : { source, key }
    if (flow === null) this.#datagrams.giveUpPending(datagram)
    else if (datagram.pending.packets > 0) {
      this.#count(flow, flow.isFromInitiator(source), datagram.pending, datagram.pending)
      datagram.pending = nothingPending()
    }
  }

  #laterFragment(fragment: LaterFragment): void {
    const amount = { packets: 1, bytes: fragment.bytes, payload: fragment.payload }
    const { head, pending } = this.#datagrams.latest(fragment.datagram, this.now)
    if (head === 'none') {
      add(pending, amount)
      pending.payload += amount.payload
      pending.minUs = Math.min(pending.minUs, this.#packetUs)
      pending.maxUs = Math.max(pending.maxUs, this.#packetUs)
      return
    }
    const flow = head === 'noSession' ? undefined : this.#flows.get(head.key)
    if (head === 'noSession' || flow === undefined || !this.#meetDeadlines(flow)) {
      add(this.other.fragment, amount)
    } else this.#count(flow, flow.isFromInitiator(head.source), amount)
  }
}
