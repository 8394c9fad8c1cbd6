/** `tunmeter doctor` meters the interface for --seconds, and compares with the counters of the kernel and of the peers. */
import { setTimeout as sleep } from 'node:timers/promises'
import { plural } from '../base/quantity.js'
import { Attributor } from '../meter/attribution/attributor.js'
import { FlowMeter, type FlowMeterCounters } from '../meter/capture/flow-meter.js'
import { otherTraffic, Reconciliation } from '../meter/run/reconciliation.js'
import type { WireGuardDevice } from '../meter/wireguard/device.js'
import { PeerReconciler, type PeerVerdict } from '../meter/wireguard/peer-reconciler.js'
import { readPeers } from '../meter/wireguard/read-peers.js'
import { type Finding, failure, finding } from './doctor-checks.js'

/** libpcap holds packets back for up to 100 ms, so each comparison waits longer. */
const SETTLE_MS = 400

export async function checkReconciliation(
  name: string,
  device: WireGuardDevice | null,
  seconds: number,
): Promise<Finding[]> {
  const isKernelWireGuard = device?.kind === 'kernel'
  const meter = new FlowMeter({ source: { kind: 'live', interface: name }, records: 'all' })
  const comparison = new Reconciliation(name)
  const peers = device === null ? null : new PeerComparison(name, meter)
  const reading = (async () => {
    for await (const batch of meter.records()) for (const record of batch) peers?.count(record)
  })()
  try {
    await peers?.read(false, device)
    await sleep(SETTLE_MS)
    await peers?.read(true)
    for (const restMs of [seconds * 1000, 0]) {
      comparison.mark()
      await sleep(SETTLE_MS)
      comparison.compare(meter.counters(), isKernelWireGuard)
      await sleep(restMs)
    }
    const counters = meter.counters()
    const found = [reconciled(counters, comparison.figures(), isKernelWireGuard, seconds)]
    if (peers === null || counters.state === 'failed') return found
    await peers.read(true)
    await meter.stop()
    await reading
    return [...found, transferred(await peers.finish())]
  } catch (error) {
    return [failure('reconciliation', error)]
  } finally {
    await meter.stop()
    await reading.catch(() => undefined)
  }
}

/** Compares the sessions of each peer with the peer's WireGuard counters. */
class PeerComparison {
  readonly #name: string
  readonly #meter: FlowMeter
  readonly #attributor = new Attributor()
  readonly #reconciler = new PeerReconciler({ settleMs: 0 })

  constructor(name: string, meter: FlowMeter) {
    this.#name = name
    this.#meter = meter
  }

  count(record: Parameters<PeerReconciler['count']>[0]): void {
    this.#reconciler.count(record, this.#attributor.endsOf(record))
  }

  async read(metering: boolean, known: WireGuardDevice | null = null): Promise<void> {
    const atMs = Date.now()
    const epoch = this.#attributor.beginReading()
    this.#meter.beginEpoch(epoch)
    await this.#meter.epochBegun(epoch)
    const device = known ?? (await readPeers(this.#name))
    this.#attributor.peersChanged({ device })
    const other = otherTraffic(this.#meter.counters())
    this.#reconciler.read(device.peers, atMs, { metering, other })
  }

  /** Call it when the meter has stopped and all is counted. It reads twice, because each reading needs the one before. */
  async finish(): Promise<PeerVerdict> {
    const verdict = this.#reconciler.finish(Date.now(), otherTraffic(this.#meter.counters()))
    if (verdict.unexplained > 0) return verdict
    for (let i = 0; i < 2; i++) await this.read(true)
    return this.#reconciler.verdict()
  }
}

function reconciled(
  counters: FlowMeterCounters,
  figures: Readonly<Record<string, number>>,
  isKernelWireGuard: boolean,
  seconds: number,
): Finding {
  const [error] = counters.errors
  if (counters.state === 'failed')
    return finding('reconciliation', 'failed', error?.message ?? 'the interface cannot be read')
  const seen = `${plural(counters.packets, 'packet')}, ${plural(counters.bytes, 'byte')} in ${seconds} s`
  if (isKernelWireGuard)
    return finding(
      'reconciliation',
      'skipped',
      `${seen}; a kernel WireGuard counts encrypted messages, not packets`,
    )
  return reconciledPackets(seen, figures, counters.kernelDropped)
}

export function reconciledPackets(
  seen: string,
  figures: Readonly<Record<string, number>>,
  kernelDropped: number,
): Finding {
  const { unexplainedPacketsMin: low, unexplainedPacketsMax: high } = figures
  if (low === undefined || high === undefined)
    return finding('reconciliation', 'skipped', `${seen}; this interface's counters do not compare`)
  if (low <= 0 && high >= 0)
    return finding(
      'reconciliation',
      'ok',
      `${seen}; unexplained: ${low === high ? 0 : `between ${low} and ${high}`} packets`,
    )
  return finding(
    'reconciliation',
    'warning',
    `${seen}; the kernel counted ${low} to ${high} packets that were not metered`,
    kernelDropped > 0
      ? `The kernel dropped ${plural(kernelDropped, 'packet')}, because its buffer was full: raise --ring.`
      : 'Is a --filter set, or is it the wrong interface?',
  )
}

export function transferred({ compared, unexplained, worst }: PeerVerdict): Finding {
  if (worst === null)
    return finding(
      'transfer',
      compared === 0 ? 'skipped' : 'ok',
      `${plural(compared, 'peer')}: packets, handshakes and keepalives explain what WireGuard counted`,
    )
  const { publicKey, bytes } = worst
  const what =
    bytes > 0
      ? 'passed and were not metered'
      : 'were metered and did not pass: the peer was away, or its queue full'
  return finding(
    'transfer',
    'warning',
    `${unexplained} of ${plural(compared, 'peer')}: ${plural(Math.abs(bytes), 'octet')} of ${publicKey} ${what}`,
    'Meter it for longer (--seconds 60). If it stays, something else uses the peer, or packets are lost: docs/wireguard.md.',
  )
}
