/** A packet being read: where its headers go on, and how far it goes in the capture and on the wire. */

export const OTHER_REASONS = [
  'icmp',
  'icmpv6',
  'igmp',
  'esp',
  'gre',
  'sctp',
  'otherIp',
  'arp',
  'nonIp',
  'unknownLink',
  'truncated',
  'badHeader',
  'fragment',
  'extensionLimit',
  'stray',
] as const
export type OtherReason = (typeof OTHER_REASONS)[number]

/** Thrown where decoding ends without a TCP or UDP packet. */
export class Stop {
  readonly reason: OtherReason
  readonly bytes: number
  constructor(reason: OtherReason, bytes: number) {
    this.reason = reason
    this.bytes = bytes
  }
}

export class Reader {
  readonly data: Uint8Array
  /** Offset of the next header: all link headers before it have been read whole. */
  at = 0
  /** Offset at which the packet ended on the wire. */
  end: number

  constructor(data: Uint8Array, wireBytes: number) {
    this.data = data
    this.end = Math.max(wireBytes, data.length)
  }

  /** Octets left on the wire: what counts when the IP header cannot say. */
  get left(): number {
    return this.end - this.at
  }

  get captured(): number {
    return Math.min(this.data.length, this.end)
  }

  stop(reason: OtherReason, bytes = this.left): never {
    throw new Stop(reason, bytes)
  }

  /** The next header has `count` octets: cut by the snaplen, or never there? */
  need(count: number, bytes = this.left): void {
    if (this.at + count <= this.captured) return
    this.stop(this.at + count <= this.end ? 'truncated' : 'badHeader', bytes)
  }

  u8(offset: number): number {
    return this.data[this.at + offset]!
  }

  u16(offset: number): number {
    return this.u8(offset) * 256 + this.u8(offset + 1)
  }

  u16Little(offset: number): number {
    return this.u8(offset + 1) * 256 + this.u8(offset)
  }
}
