/**
 * Compares the meter's sums with other counters. Pure arithmetic; all counters are cumulative.
 *
 * Against the interface: every packet that the kernel counted must have been metered (sessions, other traffic,
 * pending fragments). The two sides cannot be read at one instant, so the kernel is read, then the meter, then
 * the kernel again: the truth lies between, and is exact when the kernel's counters stood still. What the kernel
 * had counted before the meter began is the offset, bracketed in the same way by the first comparison.
 *
 * Against a peer: WireGuard counts the octets of its messages (the UDP payload). A data message carries one
 * packet, padded to a multiple of 16 (never beyond the MTU), under 16 octets of header and 16 of tag:
 *
 *     message octets = packet octets + 0..15 + 32        keepalive: 32        handshake: 148, 92, cookie: 64
 *
 * Sources: WireGuard whitepaper section 5.4; linux/drivers/net/wireguard/messages.h.
 */

/** Inclusive; low may be negative: the meter saw more than the other side counted. */
export interface Span {
  readonly low: number
  readonly high: number
}

export interface Volume {
  readonly packets: number
  readonly bytes: number
}

/** Kernel before, meter, kernel after: read in this order. */
export interface Comparison {
  readonly before: Volume
  readonly metered: Volume
  readonly after: Volume
  /** The interface's; one that is made anew has another. Without it only the counters tell. */
  readonly index?: number
}

export interface InterfaceVerdict {
  /** Counted by the kernel and not metered, since the first comparison. */
  readonly packets: Span
  readonly bytes: Span
  /** Nothing passed while the sides were read: low equals high. */
  readonly exact: boolean
}

/** Keeps the offset between an interface's counters and the meter's; one for each observation point. */
export class InterfaceReconciler {
  #offset: { readonly packets: Span; readonly bytes: Span } | undefined
  #last: Comparison | undefined
  #restarts = 0

  /** How often the counters began at 0 again: the interface was made anew. */
  get restarts(): number {
    return this.#restarts
  }

  /** Null for the first comparison, and for the first one after the interface was made anew. */
  compare(now: Comparison): InterfaceVerdict | null {
    const { before, metered, after } = now
    const packets = span(before.packets - metered.packets, after.packets - metered.packets)
    const bytes = span(before.bytes - metered.bytes, after.bytes - metered.bytes)
    const isNew = this.#isMadeAnew(now, packets)
    this.#last = now
    if (isNew) this.#restarts++
    if (this.#offset === undefined || isNew) {
      this.#offset = { packets, bytes }
      return null
    }
    const offset = this.#offset
    // As long as nothing says otherwise nothing was lost, and then both brackets hold the same offset.
    if (overlap(packets, offset.packets) && overlap(bytes, offset.bytes))
      this.#offset = {
        packets: intersection(packets, offset.packets),
        bytes: intersection(bytes, offset.bytes),
      }
    const unexplained = {
      packets: minus(packets, this.#offset.packets),
      bytes: minus(bytes, this.#offset.bytes),
    }
    const exact = width(unexplained.packets) === 0 && width(unexplained.bytes) === 0
    return { ...unexplained, exact }
  }

  /** One that is busier than the old one was has larger counters by now: its index tells, else that they lack packets. */
  #isMadeAnew({ before, index }: Comparison, packets: Span): boolean {
    if (this.#last === undefined || this.#offset === undefined) return false
    if (before.packets < this.#last.after.packets) return true
    return index === undefined
      ? packets.high < this.#offset.packets.low
      : index !== this.#last.index
  }
}

const DATA_MESSAGE_OVERHEAD = 32
const PADDING_MAX = 15
const KEEPALIVE = 32
const INITIATION = 148
const RESPONSE = 92

/**
 * Octets of the WireGuard messages that carry these packets; the padding is bracketed. Super-packets that are cut before
 * they are encrypted (GSO on kernel interfaces) make more messages than packets: give `messages` then. Each message beyond
 * the packets repeats 40 to 100 octets of headers.
 */
export function dataMessageBytes(
  { packets, bytes }: Volume,
  { messages = packets }: { readonly messages?: number } = {},
): Span {
  const base = bytes + DATA_MESSAGE_OVERHEAD * messages
  const repeated = Math.max(0, messages - packets)
  return span(
    base + REPEATED_HEADERS.low * repeated,
    base + PADDING_MAX * messages + REPEATED_HEADERS.high * repeated,
  )
}
/** IPv4 without options and TCP without options, to IPv6 and TCP with the longest header. */
const REPEATED_HEADERS: Span = { low: 40, high: 100 }

/** One direction: a peer sends at most a keepalive a second and retries a handshake every 5 s (section 6). */
export function controlBytesMax(seconds: number): number {
  return KEEPALIVE * Math.ceil(seconds + 1) + (INITIATION + RESPONSE) * Math.ceil(seconds / 5 + 2)
}

const span = (low: number, high: number): Span => ({ low, high })
const width = (a: Span): number => a.high - a.low
const minus = (a: Span, b: Span): Span => span(a.low - b.high, a.high - b.low)
const overlap = (a: Span, b: Span): boolean => a.low <= b.high && b.low <= a.high
const intersection = (a: Span, b: Span): Span =>
  span(Math.max(a.low, b.low), Math.min(a.high, b.high))
