/** Builds the kernel's side of netlink, from linux/netlink.h and linux/wireguard.h: what the parsers must read. */

export const MULTI = 0x002
export const DUMP_INTERRUPTED = 0x010
const NESTED = 0x8000

export function attribute(type: number, ...payload: readonly Buffer[]): Buffer {
  const body = Buffer.concat(payload)
  const header = Buffer.alloc(4)
  header.writeUInt16LE(4 + body.length, 0)
  header.writeUInt16LE(type, 2)
  return Buffer.concat([header, body, Buffer.alloc(-body.length & 3)])
}

export const nested = (type: number, ...payload: readonly Buffer[]) =>
  attribute(type | NESTED, ...payload)

export function message(
  type: number,
  flags: number,
  sequence: number,
  ...payload: readonly Buffer[]
): Buffer {
  const body = Buffer.concat(payload)
  const header = Buffer.alloc(16)
  header.writeUInt32LE(16 + body.length, 0)
  header.writeUInt16LE(type, 4)
  header.writeUInt16LE(flags, 6)
  header.writeUInt32LE(sequence, 8)
  return Buffer.concat([header, body, Buffer.alloc(-body.length & 3)])
}

const unsigned = (bytes: 1 | 2 | 4, value: number) => {
  const out = Buffer.alloc(bytes)
  out.writeUIntLE(value, 0, bytes)
  return out
}
export const u16 = (value: number) => unsigned(2, value)
export const u32 = (value: number) => unsigned(4, value)
export const i32 = (value: number) => {
  const out = Buffer.alloc(4)
  out.writeInt32LE(value)
  return out
}
export const u64 = (value: number) => {
  const out = Buffer.alloc(8)
  out.writeBigUInt64LE(BigInt(value))
  return out
}
export const zeroTerminated = (text: string) => Buffer.from(`${text}\0`)

/** struct genlmsghdr of a WireGuard message. */
export const genericHeader = Buffer.from([0, 1, 0, 0])
export const DONE = 3
export const ERROR = 2

/** struct sockaddr_in. */
export function endpoint4(ip: readonly number[], port: number): Buffer {
  const out = Buffer.alloc(16)
  out.writeUInt16LE(2, 0)
  out.writeUInt16BE(port, 2)
  Buffer.from(ip).copy(out, 4)
  return out
}

/** struct sockaddr_in6. */
export function endpoint6(ip: readonly number[], port: number, scope = 0): Buffer {
  const out = Buffer.alloc(28)
  out.writeUInt16LE(10, 0)
  out.writeUInt16BE(port, 2)
  Buffer.from(ip).copy(out, 8)
  out.writeUInt32LE(scope, 24)
  return out
}

export interface PeerFields {
  readonly publicKey: Buffer
  readonly presharedKey?: Buffer
  readonly endpoint?: Buffer
  readonly handshakeSeconds?: number
  readonly rxBytes?: number
  readonly txBytes?: number
  readonly allowedIps?: readonly (readonly [ip: readonly number[], length: number])[]
}

/** One peer, in the order in which the kernel's get_peer() writes it. */
export function peerAttribute(fields: PeerFields): Buffer {
  const parts = [attribute(1, fields.publicKey)]
  if (fields.presharedKey) parts.push(attribute(2, fields.presharedKey))
  if (fields.handshakeSeconds !== undefined)
    parts.push(attribute(6, u64(fields.handshakeSeconds), u64(5)))
  if (fields.presharedKey) parts.push(attribute(5, u16(25)))
  if (fields.txBytes !== undefined) parts.push(attribute(8, u64(fields.txBytes)))
  if (fields.rxBytes !== undefined) parts.push(attribute(7, u64(fields.rxBytes)))
  if (fields.presharedKey) parts.push(attribute(10, u32(1)))
  if (fields.endpoint) parts.push(attribute(4, fields.endpoint))
  if (fields.allowedIps)
    parts.push(
      nested(
        9,
        ...fields.allowedIps.map(([ip, length]) =>
          nested(
            0,
            attribute(3, Buffer.from([length])),
            attribute(1, u16(ip.length === 4 ? 2 : 10)),
            attribute(2, Buffer.from(ip)),
          ),
        ),
      ),
    )
  return nested(0, ...parts)
}
