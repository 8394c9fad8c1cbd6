/**
 * Decodes binary records to FlowRecord. RecordReader decodes only the fields that are read.
 *
 * In: whole records of RECORD_BYTES, as the engine made them. Enum values are not checked here, because the layout check
 * of the addon rules out unknown ones.
 */
import { picker, withGetters } from '../../session/field-code.js'
import { formatIpv6 } from '../../session/ip-text.js'
import {
  CONN_STATES,
  type ConnState,
  DIRECTION_BASES,
  type DirectionBasis,
  END_REASON_NAMES,
  type EndReason,
  type FlowRecord,
  type Protocol,
} from '../../session/session.js'
import { fieldsFrom } from '../../session/session-table.js'
import {
  RECORD_OFFSETS as AT,
  NO_RTT,
  RECORD_BYTES,
  RECORD_COUNTERS,
  RECORD_FLAGS,
} from './record-layout.js'

/** Points to one record of a batch. */
class Cursor {
  protected readonly bytes: Uint8Array
  protected readonly view: DataView
  protected at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  move(index: number): this {
    this.at = index * RECORD_BYTES
    return this
  }

  // Two halves, because getBigUint64 would make a BigInt. The sum is exact below 2^53.
  protected u64(offset: number): number {
    const at = this.at + offset
    return this.view.getUint32(at + 4, true) * 0x1_0000_0000 + this.view.getUint32(at, true)
  }
}

type Counters = { readonly [N in (typeof RECORD_COUNTERS)[number]]: number }
const CounterCursor = withGetters<typeof Cursor, Counters>(
  Cursor,
  RECORD_COUNTERS.map((name) => [name, `this.u64(${AT[name]})`]),
)

/** Reads all records of a batch with one object: `move(i)`, then read the fields of record i. */
export class RecordReader extends CounterCursor implements FlowRecord {
  get sequence(): number {
    return this.u64(AT.sequence)
  }
  get epoch(): number {
    return this.view.getUint32(this.at + AT.epoch, true)
  }
  get startTimeUs(): number {
    return this.#i64(AT.startTimeUs)
  }
  get endTimeUs(): number {
    return this.#i64(AT.endTimeUs)
  }
  get protocol(): Protocol {
    return this.bytes[this.at + AT.protocol] === 6 ? 'tcp' : 'udp'
  }
  get sourceIp(): string {
    return this.#ip(AT.sourceIp)
  }
  get sourcePort(): number {
    return this.view.getUint16(this.at + AT.sourcePort, true)
  }
  get destIp(): string {
    return this.#ip(AT.destIp)
  }
  get destPort(): number {
    return this.view.getUint16(this.at + AT.destPort, true)
  }
  get endReason(): EndReason {
    return END_REASON_NAMES[this.#u8(AT.endReason) - 1]!
  }
  get connState(): ConnState {
    return CONN_STATES[this.#u8(AT.connState)]!
  }
  get tcpFlagsTx(): number {
    return this.#u8(AT.tcpFlagsTx)
  }
  get tcpFlagsRx(): number {
    return this.#u8(AT.tcpFlagsRx)
  }
  get handshakeRttUs(): number | null {
    const rtt = this.view.getUint32(this.at + AT.handshakeRttUs, true)
    return rtt === NO_RTT ? null : rtt
  }
  get directionBasis(): DirectionBasis {
    return DIRECTION_BASES[this.#u8(AT.directionBasis)]!
  }
  get midstream(): boolean {
    return (this.#u8(AT.flags) & RECORD_FLAGS.midstream) !== 0
  }
  /** An ICMP error answered this session's attempt. */
  get icmpError(): boolean {
    return (this.#u8(AT.flags) & RECORD_FLAGS.icmpError) !== 0
  }
  /** 4 or 6. */
  get family(): number {
    return this.#u8(AT.family)
  }

  record(): FlowRecord {
    return decoded(this)
  }

  #u8(offset: number): number {
    return this.bytes[this.at + offset]!
  }

  #i64(offset: number): number {
    const at = this.at + offset
    return this.view.getInt32(at + 4, true) * 0x1_0000_0000 + this.view.getUint32(at, true)
  }

  #ip(offset: number): string {
    const bytes = this.bytes
    const at = this.at + offset
    if (bytes[this.at + AT.family] === 4) {
      return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
    }
    return formatIpv6(bytes, at)
  }
}

const decoded = picker<FlowRecord, [FlowRecord]>(['sequence', 'epoch', ...fieldsFrom('engine')])

/** Records as they crossed the native boundary; iterating decodes them one by one. */
export class RecordBatch {
  readonly buffer: Uint8Array
  readonly count: number

  constructor(buffer: Uint8Array) {
    this.buffer = buffer
    this.count = buffer.length / RECORD_BYTES
  }

  reader(): RecordReader {
    return new RecordReader(this.buffer)
  }

  *[Symbol.iterator](): Generator<FlowRecord> {
    const reader = this.reader()
    for (let i = 0; i < this.count; i++) yield reader.move(i).record()
  }
}
