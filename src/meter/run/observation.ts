/** One interface of a running meter: runs its engine, reads its peers, and attributes its sessions. */
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import type { BatchGap } from '../../session/batch.js'
import type { CatalogLists } from '../../session/catalog.js'
import type { Session } from '../../session/session.js'
import { runPrefix } from '../../session/session-id.js'
import { Attributor } from '../attribution/attributor.js'
import { Collector } from '../attribution/collector.js'
import { withExcluded } from '../capture/counters.js'
import { ENGINE_DEFAULTS } from '../capture/engine-options.js'
import { FlowMeter, type FlowMeterCounters, type FlowMeterOptions } from '../capture/flow-meter.js'
import type { InterfaceSnapshot } from '../metrics/snapshot.js'
import type { PeerSnapshot, WireGuardDevice } from '../wireguard/device.js'
import { PeerReconciler, type PeerVerdict } from '../wireguard/peer-reconciler.js'
import { PeerWatcher } from '../wireguard/peer-watcher.js'
import { standOf } from './interface-place.js'
import { type PeerEventOptions, PeerTelling } from './peer-telling.js'
import { otherTraffic, peerFigures, Reconciliation } from './reconciliation.js'
import type { Stand } from './run-ledger.js'
import type { Watching } from './watching.js'
import { type Held, WholeUntil } from './whole-until.js'

export interface ObservationOptions {
  readonly interfaceName: string
  readonly engine: Omit<FlowMeterOptions, 'source'>
  readonly capture: {
    readonly snaplen?: number
    readonly filter?: string
    readonly ringBytes?: number
  }
  readonly peersEveryMs: number
  readonly catalog: CatalogLists | null
  readonly siteId: number | null
  readonly log: Logger
  readonly onSession: (session: Session) => void
  /** Awaited after each batch of records, because on a slow disk records must wait in the engine's bounded queue. */
  readonly relieved: () => Promise<void>
  readonly onLoss: (gap: BatchGap) => void
  /** Receives peer events; absent: none are made. */
  readonly peerEvents?: PeerEventOptions
  readonly watching?: Pick<Watching, 'read'>
}

/** The record loop yields after this time, because a burst must not delay timers and requests. */
const TURN_MS = 20
const OPEN_POLL_MS = 20
/** A session whose client is uncertain makes the meter read the peers at once, but at most this often. */
const REFRESH_EVERY_MS = 1000
/** A WireGuard that hangs delays the start and the records at most this long at a time. */
const PEERS_WAIT_MS = 1000
const LAST_PEERS_WAIT_MS = 500
/** A kill loses at most this much of the hourly sums. */
const SUMS_EVERY_MS = 60_000
/** An interim record arrives at most this long after it is due, also on a busy machine. */
const REPORT_LATE_MS = 5_000

/** Hints for a source that cannot be opened, by error code. */
const HINTS: Readonly<Record<string, string>> = {
  BAD_FILTER:
    'Correct --filter; tcpdump -d tries one, and pcap-filter(7) says how they are written.',
  NO_THREAD: 'Each interface takes a thread: raise TasksMax= of the unit, or ulimit -u.',
  NO_PERMISSION:
    'Reading an interface takes CAP_NET_RAW: start as root (it gives the rest up), or see packaging/systemd.',
}

export class Observation {
  readonly name: string
  readonly #options: ObservationOptions
  readonly #meter: FlowMeter
  readonly #attributor: Attributor
  readonly #peers: PeerWatcher
  readonly #collector: Collector
  readonly #log: Logger
  readonly #reconciliation: Reconciliation
  readonly #whole: WholeUntil
  readonly #peerReconciler: PeerReconciler
  /** Null without peerEvents. */
  readonly #telling: PeerTelling | null = null
  #peerVerdict: PeerVerdict | null = null
  #device: WireGuardDevice | null = null
  #isMetering = false
  /** When metering stopped. */
  #stoppedMs = Number.POSITIVE_INFINITY
  #hasEnded = false
  #isKernelWireGuard = false
  #refreshedMs = Number.NEGATIVE_INFINITY
  #done: Promise<void> = Promise.resolve()
  #recordsDropped = 0
  #flushedMs = performance.now()
  #reopened = 0
  #goneSince: string | null = null
  #goneAtMs = 0
  #checkedAt = new Date().toISOString()

  constructor(options: ObservationOptions) {
    this.name = options.interfaceName
    this.#options = options
    this.#log = options.log
    this.#collector = new Collector({
      prefix: runPrefix(Date.now()),
      emit: (session) => options.onSession(session),
      earlyReport: options.engine.earlyReport ?? true,
    })
    this.#reconciliation = new Reconciliation(options.interfaceName)
    this.#reconciliation.mark()
    this.#meter = new FlowMeter({
      source: { kind: 'live', interface: options.interfaceName, ...options.capture },
      ...options.engine,
    })
    this.#attributor = new Attributor({ siteId: options.siteId })
    const { activeTimeoutMs = 0, lingerMs = ENGINE_DEFAULTS.lingerMs } = options.engine
    this.#whole = new WholeUntil(activeTimeoutMs, Date.now())
    this.#peerReconciler = new PeerReconciler({
      settleMs: activeTimeoutMs === 0 ? 0 : activeTimeoutMs + REPORT_LATE_MS,
      lingerMs,
    })
    const { peerEvents } = options
    if (peerEvents !== undefined)
      this.#telling = new PeerTelling(this.name, peerEvents, this.#attributor, this.#log)
    this.#peers = new PeerWatcher({
      interfaceName: options.interfaceName,
      intervalMs: options.peersEveryMs,
      beforeRead: () => this.#beginReading(),
      onSnapshot: (snapshot) => this.#peersRead(snapshot),
      onFailure: (error) => {
        if (error instanceof AppError && error.code === 'INTERFACE_MISSING')
          this.#telling?.interfaceGone()
        const said = { interface: this.name, reason: messageOf(error) }
        if (error instanceof AppError && error.code === 'NO_PERMISSION')
          this.#log.warn(
            { ...said, hint: 'run the meter with --user root' },
            'no permission to read the peers',
          )
        // Normal for a plain interface: the catalog then attributes by address.
        else this.#log.info(said, 'no WireGuard peers')
      },
    })
    if (options.catalog !== null) this.catalogChanged(options.catalog)
  }

  /** Reads the peers first, because the first session needs them. @throws AppError when the interface cannot be read */
  async start(): Promise<void> {
    await this.#peers.start()
    this.#done = this.#pump()
    await this.#opened()
    // Not earlier: packets that pass until the interface is read would be unexplained.
    this.#reconciliation.compare(this.#meter.counters(), this.#isKernelWireGuard)
    this.#isMetering = true
    // This reading and the one before bracket the peers' counters at the moment at which metering began.
    await this.#peers.refreshWithin(PEERS_WAIT_MS)
  }

  /** Waits until the engine's time passes, which it does once the interface is read, or the interface is gone. */
  async #opened(): Promise<void> {
    for (;;) {
      const { state, engineTimeUs, errors } = this.#meter.counters()
      if (state === 'failed') {
        const { code, message } = errors[0] ?? { code: 'CAPTURE_FAILED', message: this.name }
        throw new AppError(code, message, {
          hint: HINTS[code] ?? HINTS.NO_PERMISSION!,
          ...(code === 'BAD_FILTER' && { exitCode: EXIT.usage }),
        })
      }
      if (state !== 'running' || engineTimeUs !== null) return
      await sleep(OPEN_POLL_MS)
    }
  }

  /** Ends open sessions with forcedEnd; resolves when the last session is handed over. */
  async stop(): Promise<void> {
    this.check()
    await this.#peers.refreshWithin(LAST_PEERS_WAIT_MS)
    this.#peers.stop()
    this.#reconciliation.mark()
    this.#stoppedMs = Math.min(this.#stoppedMs, Date.now())
    await this.#meter.stop()
    await this.#done
    this.#collector.flush()
    this.#hasEnded = true
    this.check()
    if (this.#peerVerdict === null) return
    const other = otherTraffic(this.#meter.counters())
    this.#judged(this.#peerReconciler.finish(performance.now(), other))
  }

  async #beginReading(): Promise<void> {
    this.#attributor.forgetBefore(this.#meter.oldestEpoch)
    const epoch = this.#attributor.beginReading()
    this.#whole.epochBegins(epoch, Date.now())
    this.#meter.beginEpoch(epoch)
    await this.#meter.epochBegun(epoch)
  }

  #peersRead({ atMs, device }: PeerSnapshot): void {
    this.#device = device
    this.#isKernelWireGuard = device.kind === 'kernel'
    if (this.#attributor.peersChanged({ device })) this.#insideChanged()
    this.#telling?.read(device.peers, Date.now() * 1e3)
    this.#options.watching?.read(device.peers, this.#attributor)
    this.#peerReconciler.read(device.peers, atMs, {
      metering: this.#isMetering,
      other: otherTraffic(this.#meter.counters()),
    })
    if (this.#isMetering) this.#judged(this.#peerReconciler.verdict())
  }

  #judged(verdict: PeerVerdict): void {
    const before = this.#peerVerdict
    this.#peerVerdict = verdict
    if (verdict.worst === null || (before !== null && before.unexplained > 0)) return
    const { publicKey, bytes } = verdict.worst
    this.#log.warn(
      { interface: this.name, peer: publicKey, bytes, peers: verdict.unexplained },
      "a peer's transfer does not match its metered sessions",
    )
  }

  catalogChanged(catalog: CatalogLists): void {
    this.#attributor.catalogChanged(catalog)
    if (this.#telling?.catalogIsThere() && this.#isMetering) void this.#peers.refresh()
    this.#meter.beginEpoch(this.#attributor.epoch)
    this.#insideChanged()
  }

  /** The kernel's counters: the interface's now, the peers' from the last reading. */
  stand(): Stand | null {
    return standOf(this.name, this.#device?.peers ?? [], this.#telling?.connected())
  }

  refreshPeers(): Promise<void> {
    return this.#peers.refresh()
  }

  counters(): FlowMeterCounters {
    return withExcluded(this.#meter.counters(), this.#collector.excluded)
  }

  /** See WholeUntil. @param held the sessions that were handed over and are in no batch yet */
  wholeUntilMs(held: Held): number {
    const { givenMs, oldestEpoch } = this.#meter
    // Must be read last, because a record lost before this moment may be missing in the values above.
    const { openSessions, recordsDropped } = this.#meter.counters()
    const nowMs = Math.min(Date.now(), this.#stoppedMs)
    return this.#whole.reaches({
      givenMs: this.#hasEnded ? Number.POSITIVE_INFINITY : givenMs,
      nowMs,
      steadyMs: performance.now() - (Date.now() - nowMs),
      lossUnsaid: recordsDropped > this.#recordsDropped,
      openSessions,
      oldestEpoch,
      held,
      sumsFromMs: this.#collector.sumsFromMs,
    })
  }

  /** The kernel's counters compared with the meter's; see docs/wireguard.md. */
  reconciliation(): Record<string, number> {
    return { ...this.#reconciliation.figures(), ...peerFigures(this.#peerVerdict) }
  }

  /** Call every second: reports losses and absences since the last call as gaps. */
  check(): void {
    const counters = this.#meter.counters()
    const now = new Date().toISOString()
    const dropped = counters.recordsDropped - this.#recordsDropped
    if (dropped > 0) {
      this.#recordsDropped = counters.recordsDropped
      // An upper bound of the sessions, because interim records count too. `from` is early, because their packets may
      // have waited in the flow table.
      this.#options.onLoss({
        reason: 'recordQueueFull',
        sessions: dropped,
        from: new Date(Math.min(this.#whole.reachedMs, Date.parse(this.#checkedAt))).toISOString(),
        to: now,
      })
    }
    this.#checkGone(counters, now)
    if (performance.now() - this.#flushedMs >= SUMS_EVERY_MS) {
      this.#flushedMs = performance.now()
      this.#collector.flush()
    }
    this.#reconciliation.compare(counters, this.#isKernelWireGuard)
    this.#checkedAt = now
  }

  /** Null while the interface is there. */
  goneForMs(): number | null {
    return this.#goneSince === null ? null : performance.now() - this.#goneAtMs
  }

  /** Stops for good, and reports the time since the last check as one in which the interface was gone. */
  async letGo(): Promise<void> {
    const from = this.#checkedAt
    await this.stop()
    const to = new Date().toISOString()
    this.#options.onLoss({ reason: 'interfaceGone', sessions: 0, from, to })
  }

  #checkGone({ state, gone, reopened }: FlowMeterCounters, now: string): void {
    const isGone = state === 'gone'
    const isBack = reopened !== this.#reopened
    // Reported every second while it lasts, because the meter may be killed meanwhile. Only the time is known, not how
    // many sessions passed.
    if (isGone || isBack)
      this.#options.onLoss({
        reason: 'interfaceGone',
        sessions: 0,
        from: this.#checkedAt,
        to: now,
      })
    if (isBack) {
      this.#reopened = reopened
      const since = this.#goneSince ?? this.#checkedAt
      this.#goneSince = null
      this.#log.info({ interface: this.name, since }, 'the interface is back')
      void this.#peers.refresh()
    }
    if (isGone && this.#goneSince === null) {
      this.#goneSince = this.#checkedAt
      this.#goneAtMs = performance.now()
      this.#log.warn({ interface: this.name, reason: gone?.message }, 'the interface is gone')
    }
  }

  snapshot(): InterfaceSnapshot {
    const c = this.counters()
    const a = this.#attributor.counters()
    return {
      interface: this.name,
      // The engine runs a moment before the interface is open; its time begins then.
      up: c.state === 'running' && c.engineTimeUs !== null,
      packets: c.packets,
      bytes: c.bytes,
      sessionPackets: c.sessions.packets,
      sessionBytes: c.sessions.bytes,
      pendingPackets: c.pending.packets,
      other: c.other,
      opened: c.sessionsOpened,
      ended: c.sessionsEnded,
      open: c.openSessions,
      evictions: c.evictions,
      waitingSynsFull: c.waitingSynsFull,
      repeatsFull: c.repeatsFull,
      kernelDropped: c.kernelDropped,
      interfaceDropped: c.interfaceDropped,
      reopened: c.reopened,
      peers: a.peers,
      endpointChanges: a.endpointChanges,
      peerEventsDeferred: this.#telling?.deferred ?? 0,
      unattributed: a.unattributed,
      reconciliation: this.reconciliation(),
    }
  }

  async #pump(): Promise<void> {
    let turnEndsMs = performance.now() + TURN_MS
    for await (const batch of this.#meter.records()) {
      for (const record of batch) {
        let who = this.#attributor.attribute(record)
        if (this.#attributor.isUncertain(record, who) && (await this.#refreshed()))
          who = this.#attributor.attributeAgain(record, who)
        this.#peerReconciler.count(record, this.#attributor.endsOf(record))
        this.#collector.take(record, who, this.#attributor.collected(record, who))
      }
      await this.#options.relieved()
      if (performance.now() < turnEndsMs) continue
      await new Promise((resolve) => setImmediate(resolve))
      turnEndsMs = performance.now() + TURN_MS
    }
  }

  async #refreshed(): Promise<boolean> {
    if (performance.now() - this.#refreshedMs < REFRESH_EVERY_MS) return false
    const read = await this.#peers.refreshWithin(PEERS_WAIT_MS)
    this.#refreshedMs = performance.now()
    return read
  }

  #insideChanged(): void {
    this.#meter.setInside(this.#attributor.insidePrefixes())
  }
}
