/** A capture of many sessions, each of a known content: what a fault run expects to find in the store. */
import { writeFileSync } from 'node:fs'

export interface ExpectedSession {
  readonly sourceAddr: string
  readonly destAddr: string
  readonly bytesTx: number
  readonly bytesRx: number
}

const LINKTYPE_RAW = 101
const HEADERS = 40
const SYN = 2
const ACK = 16
const FIN = 1
const PSH = 8

/** TCP sessions one after the other, 1 ms apart: handshake, a request, an answer, both FINs. */
export function writeCapture(path: string, sessions: number): ExpectedSession[] {
  const chunks: Buffer[] = [pcapHeader()]
  const expected: ExpectedSession[] = []
  const startUs = 1_750_000_000_000_000
  for (let i = 0; i < sessions; i++) {
    const client = { ip: [10, 8, (i >> 8) & 0xff, i & 0xff], port: 20_000 + (i % 40_000) }
    const server = { ip: [192, 168, 7, 1 + (i % 50)], port: 443 }
    const request = 100 + (i % 900)
    const answer = 200 + (i % 1000)
    const at = startUs + i * 1000
    const steps: [Endpoint, Endpoint, number, number][] = [
      [client, server, SYN, 0],
      [server, client, SYN | ACK, 0],
      [client, server, ACK | PSH, request],
      [server, client, ACK | PSH, answer],
      [client, server, FIN | ACK, 0],
      [server, client, FIN | ACK, 0],
      [client, server, ACK, 0],
    ]
    for (const [k, [from, to, flags, payload]] of steps.entries()) {
      chunks.push(packet(at + k * 100, from, to, flags, payload, i))
    }
    expected.push({
      sourceAddr: `${client.ip.join('.')}:${client.port}`,
      destAddr: `${server.ip.join('.')}:${server.port}`,
      bytesTx: 4 * HEADERS + request,
      bytesRx: 3 * HEADERS + answer,
    })
  }
  writeFileSync(path, Buffer.concat(chunks))
  return expected
}

interface Endpoint {
  readonly ip: readonly number[]
  readonly port: number
}

function pcapHeader(): Buffer {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(HEADERS, 16)
  header.writeUInt32LE(LINKTYPE_RAW, 20)
  return header
}

/** Headers only, as with a small snaplen; the lengths in them are whole. */
function packet(
  us: number,
  from: Endpoint,
  to: Endpoint,
  flags: number,
  payload: number,
  sequence: number,
): Buffer {
  const bytes = Buffer.alloc(16 + HEADERS)
  bytes.writeUInt32LE(Math.floor(us / 1e6), 0)
  bytes.writeUInt32LE(us % 1e6, 4)
  bytes.writeUInt32LE(HEADERS, 8)
  bytes.writeUInt32LE(HEADERS + payload, 12)
  const ip = bytes.subarray(16)
  ip[0] = 0x45
  ip.writeUInt16BE(HEADERS + payload, 2)
  ip[8] = 64
  ip[9] = 6
  ip.set(from.ip, 12)
  ip.set(to.ip, 16)
  ip.writeUInt16BE(from.port, 20)
  ip.writeUInt16BE(to.port, 22)
  ip.writeUInt32BE(sequence, 24)
  ip[32] = 0x50
  ip[33] = flags
  return bytes
}
