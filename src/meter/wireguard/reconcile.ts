/**
 * Compares the meter's sums with other counters. Pure arithmetic; all counters are cumulative.
 *
 * Interface: the meter must have every packet that the kernel counted (in sessions, other traffic or pending fragments).
 * The two sides cannot be read at one instant. So the kernel is read, then the meter, then the kernel again: the true
 * difference is between the two, and exact if the kernel's counters stood still. The offset is the kernel's count from
 * before the meter began. The first comparison gives bounds for it in the same way.
 *
 * Peer: WireGuard counts the octets of its messages (the UDP payload). A data message carries one packet, padded to a
 * multiple of 16 octets (never beyond the MTU), with 16 octets of header and 16 octets of tag:
 *
 *     message octets = packet octets + 0..15 + 32        keepalive: 32        handshake: 148, 92, cookie: 64
 *
 * Sources: WireGuard whitepaper section 5.4; linux/drivers/net/wireguard/messages.h.
 */

/** Inclusive bounds. Negative values mean that the meter saw more than the other side counted. */
export interface Span {
  readonly low: number
  readonly high: number
}

export interface Volume {
  readonly packets: number
  readonly bytes: number
}

/** Must be read in this order: kernel (`before`), meter (`metered`), kernel (`after`). */
export interface Comparison {
  readonly before: Volume
  readonly metered: Volume
  readonly after: Volume
  /** The interface's index; an interface made anew has another one. Without it, only the counters show that. */
  readonly index?: number
}

export interface InterfaceVerdict {
  /** Traffic that the kernel counted and the meter did not, since the first comparison, also of an interface before. */
  readonly packets: Span
  readonly bytes: Span
  /** True if low equals high in both spans. */
  readonly exact: boolean
}

/** Keeps the offset between an interface's counters and the meter's; one for each observation point. */
export class InterfaceReconciler {
  #offset: { readonly packets: Span; readonly bytes: Span } | undefined
  #last: Comparison | undefined
  /** What was unexplained of the interfaces before it was made anew, at least and at most. */
  #before: { readonly packets: Span; readonly bytes: Span } = { packets: NONE, bytes: NONE }
  #verdict: InterfaceVerdict | undefined
  #restarts = 0
  readonly #sure = new SureLoss()

  /** How often the interface was made anew, so that its counters began at 0. */
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
    if (isNew) {
      this.#restarts++
      // Later comparisons know nothing of it, and what was lost must stay.
      const { packets, bytes } = this.#verdict ?? this.#before
      this.#before = { packets: atLeastNone(packets), bytes: atLeastNone(bytes) }
    }
    if (this.#offset === undefined || isNew) {
      this.#offset = { packets, bytes }
      return null
    }
    const offset = this.#offset
    // If the spans overlap, nothing was lost as far as is known. Then both hold the same offset: narrow it.
    if (overlap(packets, offset.packets) && overlap(bytes, offset.bytes))
      this.#offset = {
        packets: intersection(packets, offset.packets),
        bytes: intersection(bytes, offset.bytes),
      }
    const unexplained = {
      packets: plus(minus(packets, this.#offset.packets), this.#before.packets),
      bytes: plus(minus(bytes, this.#offset.bytes), this.#before.bytes),
    }
    const exact = width(unexplained.packets) === 0 && width(unexplained.bytes) === 0
    this.#verdict = { ...this.#sure.raised(unexplained), exact }
    return this.#verdict
  }

  /**
   * A busy new interface may already have larger counters than the old one had. Then its index shows that it is new, or
   * without an index, that its counters lack packets.
   */
  #isMadeAnew({ before, index }: Comparison, packets: Span): boolean {
    if (this.#last === undefined || this.#offset === undefined) return false
    if (before.packets < this.#last.after.packets) return true
    return index === undefined
      ? packets.high < this.#offset.packets.low
      : index !== this.#last.index
  }
}

/** So many comparisons in a row, one a second, must agree: a meter that is behind for a moment has lost nothing. */
const AGREE = 10

type Unexplained = Pick<InterfaceVerdict, 'packets' | 'bytes'>

/**
 * What was lost stays lost. While packets pass, the bounds are as wide as the traffic of a second, and would hide what a
 * quiet moment has shown.
 */
class SureLoss {
  #recent: Unexplained[] = []
  #packets = Number.NEGATIVE_INFINITY
  #bytes = Number.NEGATIVE_INFINITY

  raised(now: Unexplained): Unexplained {
    this.#recent = [...this.#recent, now].slice(-AGREE)
    if (this.#recent.length === AGREE) {
      this.#packets = Math.max(this.#packets, lowest(this.#recent.map((one) => one.packets)))
      this.#bytes = Math.max(this.#bytes, lowest(this.#recent.map((one) => one.bytes)))
    }
    return { packets: atLeast(now.packets, this.#packets), bytes: atLeast(now.bytes, this.#bytes) }
  }
}

const DATA_MESSAGE_OVERHEAD = 32
const PADDING_MAX = 15
const KEEPALIVE = 32
const INITIATION = 148
const RESPONSE = 92

/**
 * Bounds for the octets of the WireGuard messages that carry these packets; the padding is not known exactly.
 *
 * @param messages needed if super-packets are cut before encryption (GSO), which makes more messages than packets. Each
 * additional message repeats 40 to 100 octets of headers.
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
/** From IPv4 and TCP without options (20 + 20 octets) to IPv6 and the longest TCP header (40 + 60 octets). */
const REPEATED_HEADERS: Span = { low: 40, high: 100 }

/**
 * The most control octets in one direction: a peer sends at most one keepalive a second, and retries a handshake every 5 s
 * (section 6).
 */
export function controlBytesMax(seconds: number): number {
  return KEEPALIVE * Math.ceil(seconds + 1) + (INITIATION + RESPONSE) * Math.ceil(seconds / 5 + 2)
}

const span = (low: number, high: number): Span => ({ low, high })
const NONE = span(0, 0)
const plus = (a: Span, b: Span): Span => span(a.low + b.low, a.high + b.high)
const atLeastNone = ({ low, high }: Span): Span => span(Math.max(0, low), Math.max(0, high))
const lowest = (all: readonly Span[]): number => Math.min(...all.map(({ low }) => low))
const atLeast = ({ low, high }: Span, sure: number): Span =>
  span(Math.max(low, sure), Math.max(high, sure))
const width = (a: Span): number => a.high - a.low
const minus = (a: Span, b: Span): Span => span(a.low - b.high, a.high - b.low)
const overlap = (a: Span, b: Span): boolean => a.low <= b.high && b.low <= a.high
const intersection = (a: Span, b: Span): Span =>
  span(Math.max(a.low, b.low), Math.min(a.high, b.high))
