/** Builders of capture files for tests, field by field, in either byte order. */

export interface PcapOptions {
  readonly magic?: number
  readonly bigEndian?: boolean
  readonly version?: readonly [number, number]
  readonly linkField?: number
  readonly snaplen?: number
}

export interface PcapRecord {
  readonly seconds?: number
  readonly fraction?: number
  /** As the header claims; default: of the data. */
  readonly captured?: number
  readonly wire?: number
  readonly data: Uint8Array
}

class Fields {
  #parts: Buffer[] = []
  readonly #bigEndian: boolean
  constructor(bigEndian: boolean) {
    this.#bigEndian = bigEndian
  }
  u16(...values: number[]): this {
    for (const value of values) {
      const bytes = Buffer.alloc(2)
      if (this.#bigEndian) bytes.writeUInt16BE(value)
      else bytes.writeUInt16LE(value)
      this.#parts.push(bytes)
    }
    return this
  }
  u32(...values: number[]): this {
    for (const value of values) {
      const bytes = Buffer.alloc(4)
      if (this.#bigEndian) bytes.writeUInt32BE(value >>> 0)
      else bytes.writeUInt32LE(value >>> 0)
      this.#parts.push(bytes)
    }
    return this
  }
  i64(value: bigint): this {
    const bytes = Buffer.alloc(8)
    if (this.#bigEndian) bytes.writeBigInt64BE(value)
    else bytes.writeBigInt64LE(value)
    this.#parts.push(bytes)
    return this
  }
  /** Bytes, padded with zeros to a multiple of `align`. */
  bytes(data: Uint8Array, align = 1): this {
    this.#parts.push(Buffer.from(data), Buffer.alloc((align - (data.length % align)) % align))
    return this
  }
  done(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

export const MAGIC = { micro: 0xa1b2c3d4, nano: 0xa1b23c4d, kuznetzov: 0xa1b2cd34 } as const

export function pcapHeader(options: PcapOptions = {}): Buffer {
  return new Fields(options.bigEndian ?? false)
    .u32(options.magic ?? MAGIC.micro)
    .u16(...(options.version ?? [2, 4]))
    .u32(0, 0, options.snaplen ?? 65_535, options.linkField ?? 101)
    .done()
}

export function pcapRecord(record: PcapRecord, options: PcapOptions = {}): Buffer {
  const captured = record.captured ?? record.data.length
  const wire = record.wire ?? record.data.length
  const fields = new Fields(options.bigEndian ?? false)
    .u32(record.seconds ?? 0, record.fraction ?? 0)
    // Before version 2.3 the length on the wire came first.
    .u32(...((options.version?.[1] ?? 4) < 3 ? [wire, captured] : [captured, wire]))
  if (options.magic === MAGIC.kuznetzov) fields.u32(7, 0x0800_0000)
  return fields.bytes(record.data).done()
}

export function pcapFile(records: readonly PcapRecord[], options: PcapOptions = {}): Buffer {
  return Buffer.concat([pcapHeader(options), ...records.map((one) => pcapRecord(one, options))])
}

export interface NgOption {
  readonly code: number
  readonly value: Uint8Array
}

/** Blocks of one section's byte order. */
export class NgBlocks {
  readonly #bigEndian: boolean
  constructor(bigEndian = false) {
    this.#bigEndian = bigEndian
  }

  fields(): Fields {
    return new Fields(this.#bigEndian)
  }

  block(type: number, body: Uint8Array): Buffer {
    const padded = this.fields().bytes(body, 4).done()
    const length = padded.length + 12
    return this.fields().u32(type, length).bytes(padded).u32(length).done()
  }

  section(major = 1): Buffer {
    return this.block(
      0x0a0d0d0a,
      this.fields().u32(0x1a2b3c4d).u16(major, 0).u32(0xffff_ffff, 0xffff_ffff).done(),
    )
  }

  options(list: readonly NgOption[]): Buffer {
    const fields = this.fields()
    for (const { code, value } of list) fields.u16(code, value.length).bytes(value, 4)
    return list.length === 0 ? Buffer.alloc(0) : fields.u16(0, 0).done()
  }

  interface(linkType: number, options: readonly NgOption[] = [], snaplen = 0): Buffer {
    const fields = this.fields().u16(linkType, 0).u32(snaplen)
    return this.block(1, fields.bytes(this.options(options)).done())
  }

  resolution(code: number): NgOption {
    return { code: 9, value: Uint8Array.of(code) }
  }

  timeOffset(seconds: bigint): NgOption {
    return { code: 14, value: this.fields().i64(seconds).done() }
  }

  packet(index: number, ticks: bigint, data: Uint8Array, wire = data.length, tail?: Uint8Array) {
    const fields = this.fields()
      .u32(index, Number(ticks >> 32n), Number(ticks & 0xffff_ffffn), data.length, wire)
      .bytes(data, 4)
    return this.block(6, fields.bytes(tail ?? Buffer.alloc(0)).done())
  }

  obsoletePacket(index: number, ticks: bigint, data: Uint8Array, wire = data.length): Buffer {
    const fields = this.fields()
      .u16(index, 3)
      .u32(Number(ticks >> 32n), Number(ticks & 0xffff_ffffn), data.length, wire)
    return this.block(2, fields.bytes(data).done())
  }

  simplePacket(data: Uint8Array, wire = data.length): Buffer {
    return this.block(3, this.fields().u32(wire).bytes(data).done())
  }
}
