/** Compares the meter's counters with the kernel's counters of the same interface, once a second. */
import type { FlowMeterCounters } from '../capture/flow-meter.js'
import { EVERY_INTERFACE, findLinkNow, TYPE_LOOPBACK, TYPE_RAW_IP } from '../capture/links.js'
import type { PeerVerdict } from '../wireguard/peer-reconciler.js'
import { InterfaceReconciler, type InterfaceVerdict, type Volume } from '../wireguard/reconcile.js'

/** The traffic of an interface that the kernel showed to packet sockets. */
interface Visible extends Volume {
  readonly index: number
}

type Metered = Volume & Pick<FlowMeterCounters, 'kernelDropped' | 'interfaceDropped'>

export class Reconciliation {
  readonly #interfaceName: string
  readonly #reconciler = new InterfaceReconciler()
  #before: Visible | null = null
  #verdict: InterfaceVerdict | null = null
  #isRawIp = false
  /** Packets that the meter counted as dropped: all, and those of times that were not compared. */
  #dropped = 0
  #droppedBeside = 0

  constructor(interfaceName: string) {
    this.#interfaceName = interfaceName
  }

  /** Call before the meter begins and before it ends: reads the earlier side of the next comparison. */
  mark(): void {
    this.#before = this.#visible()
  }

  /**
   * The earlier side is the reading of the last call, because one second is ten times as long as libpcap holds packets
   * back. Kernel WireGuard devices are not compared, because they count encrypted messages, not packets.
   */
  compare(metered: Metered, isKernelWireGuard: boolean): void {
    const after = isKernelWireGuard ? null : this.#visible()
    // With different indexes the sides belong to two interfaces; the next comparison finds the new one.
    if (after !== null && after.index === this.#before?.index) {
      const { index } = after
      const verdict = this.#reconciler.compare({ before: this.#before, metered, after, index })
      const dropped = metered.kernelDropped + metered.interfaceDropped
      if (verdict === null) this.#droppedBeside += dropped - this.#dropped
      else this.#verdict = verdict
      this.#dropped = dropped
    }
    this.#before = after
  }

  /** Figures for the report and the metrics; empty when nothing can be compared. */
  figures(): Record<string, number> {
    if (this.#verdict === null) return {}
    const { packets, bytes, exact } = this.#verdict
    return {
      unexplainedPacketsMin: packets.low,
      unexplainedPacketsMax: packets.high,
      // The part of the unexplained packets that the meter has counted as dropped.
      droppedPackets: this.#dropped - this.#droppedBeside,
      // Only raw IP devices, because Ethernet devices count their headers too.
      ...(this.#isRawIp && {
        unexplainedBytesMin: bytes.low,
        unexplainedBytesMax: bytes.high,
      }),
      exact: exact ? 1 : 0,
      interfaceRestarts: this.#reconciler.restarts,
    }
  }

  /** Null when nothing can be compared. */
  #visible(): Visible | null {
    if (this.#interfaceName === EVERY_INTERFACE) return null
    const link = findLinkNow(this.#interfaceName)
    if (link === null || link.type === TYPE_LOOPBACK) return null
    this.#isRawIp = link.type === TYPE_RAW_IP
    const { index, rxPackets, txPackets, rxDropped, txDropped } = link
    return {
      index,
      // rxDropped packets were counted but not shown; txDropped packets (full queue) were shown but not counted.
      packets: rxPackets + txPackets - rxDropped + txDropped,
      bytes: link.rxBytes + link.txBytes,
    }
  }
}

/** The traffic outside sessions, including pending fragments. */
export function otherTraffic({ other, pending }: FlowMeterCounters): Volume {
  const all = [...Object.values(other), pending]
  return {
    packets: all.reduce((sum, one) => sum + one.packets, 0),
    bytes: all.reduce((sum, one) => sum + one.bytes, 0),
  }
}

/** Figures for the report and the metrics; empty without peers. */
export function peerFigures(verdict: PeerVerdict | null): Record<string, number> {
  if (verdict === null || verdict.compared === 0) return {}
  return {
    peersCompared: verdict.compared,
    peersUnexplained: verdict.unexplained,
    peersUnexplainedBytes: verdict.unexplainedBytes,
    peersUnmeteredBytes: verdict.unmeteredBytes,
  }
}

/** Sums the figures of several interfaces; `exact` only if all are exact. */
export function sumFigures(all: readonly Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const figures of all)
    for (const [name, value] of Object.entries(figures)) {
      const before = sums[name]
      sums[name] =
        before === undefined ? value : name === 'exact' ? Math.min(before, value) : before + value
    }
  return sums
}
