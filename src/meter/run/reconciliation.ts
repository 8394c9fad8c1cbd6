/** Compares, once a second, what a running meter counted with what the kernel counted on the same interface. */
import type { FlowMeterCounters } from '../capture/flow-meter.js'
import { EVERY_INTERFACE, findLinkNow, TYPE_LOOPBACK, TYPE_RAW_IP } from '../capture/links.js'
import type { PeerVerdict } from '../wireguard/peer-reconciler.js'
import { InterfaceReconciler, type InterfaceVerdict, type Volume } from '../wireguard/reconcile.js'

/** What packet sockets were shown of one interface. */
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
  /** By the kernel for us: all, and those of before the comparison began. */
  #dropped = 0
  #droppedBefore = 0

  constructor(interfaceName: string) {
    this.#interfaceName = interfaceName
  }

  /** Before the meter begins and before it ends: the earlier side of the comparison that follows. */
  mark(): void {
    this.#before = this.#visible()
  }

  /**
   * The counters of the call before are the earlier side: a second is ten times what libpcap holds back.
   * `isKernelWireGuard`: those devices count encrypted messages, not the packets in them.
   */
  compare(metered: Metered, isKernelWireGuard: boolean): void {
    const after = isKernelWireGuard ? null : this.#visible()
    // Of two interfaces: the next comparison tells that this one is new.
    if (after !== null && after.index === this.#before?.index) {
      const { index } = after
      const verdict = this.#reconciler.compare({ before: this.#before, metered, after, index })
      this.#dropped = metered.kernelDropped + metered.interfaceDropped
      if (verdict === null) this.#droppedBefore = this.#dropped
      else this.#verdict = verdict
    }
    this.#before = after
  }

  /** For the report and the metrics; empty where nothing can be compared. */
  figures(): Record<string, number> {
    if (this.#verdict === null) return {}
    const { packets, bytes, exact } = this.#verdict
    return {
      unexplainedPacketsMin: packets.low,
      unexplainedPacketsMax: packets.high,
      // Of these, such as the meter has counted as dropped: they are no riddle.
      droppedPackets: this.#dropped - this.#droppedBefore,
      // Ethernet devices count their headers too: only packets compare.
      ...(this.#isRawIp && {
        unexplainedBytesMin: bytes.low,
        unexplainedBytesMax: bytes.high,
      }),
      exact: exact ? 1 : 0,
      interfaceRestarts: this.#reconciler.restarts,
    }
  }

  /** Null where nothing can be compared. */
  #visible(): Visible | null {
    if (this.#interfaceName === EVERY_INTERFACE) return null
    const link = findLinkNow(this.#interfaceName)
    if (link === null || link.type === TYPE_LOOPBACK) return null
    this.#isRawIp = link.type === TYPE_RAW_IP
    const { index, rxPackets, txPackets, rxDropped, txDropped } = link
    return {
      index,
      // Dropped on the way up they were counted and not shown; dropped by a full queue, shown and not counted.
      packets: rxPackets + txPackets - rxDropped + txDropped,
      bytes: link.rxBytes + link.txBytes,
    }
  }
}

/** Everything that is in no session; pending fragments, too. */
export function otherTraffic({ other, pending }: FlowMeterCounters): Volume {
  const all = [...Object.values(other), pending]
  return {
    packets: all.reduce((sum, one) => sum + one.packets, 0),
    bytes: all.reduce((sum, one) => sum + one.bytes, 0),
  }
}

/** For the report and the metrics; empty without peers. */
export function peerFigures(verdict: PeerVerdict | null): Record<string, number> {
  if (verdict === null || verdict.compared === 0) return {}
  return {
    peersCompared: verdict.compared,
    peersUnexplained: verdict.unexplained,
    peersUnexplainedBytes: verdict.unexplainedBytes,
  }
}

/** Several interfaces in one report: sums, exact only when all are. */
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
