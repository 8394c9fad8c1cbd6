/**
 * Parses the answer of a userspace WireGuard (wireguard-go, boringtun) to `get=1` on its UAPI socket. The format is
 * defined at https://www.wireguard.com/xplatform/: `key=value` lines with keys in hex. A peer begins with its
 * `public_key`; the answer ends with `errno=N` and an empty line.
 *
 * The answer holds private and preshared keys. The parser never reads them: it skips their lines as bytes, and overwrites
 * the whole buffer before it returns or throws.
 */
import { AppError } from '../../base/errors.js'
import type { WireGuardDevice, WireGuardPeer } from './device.js'

const LINE_FEED = 0x0a
const EQUALS = 0x3d

interface Draft {
  publicKey: string
  endpoint: string | null
  allowedIps: string[]
  lastHandshakeSeconds: number | null
  rxBytes: number
  txBytes: number
}

/** True if the answer is complete, because it ends with an empty line. */
export function uapiAnswerEnds(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes.at(-1) === LINE_FEED && bytes.at(-2) === LINE_FEED
}

/** Overwrites `bytes`. Throws AppError UAPI_BAD_ANSWER, or UAPI_FAILED if the device reports an error. */
export function parseUapi(interfaceName: string, bytes: Buffer): WireGuardDevice {
  try {
    return parse(interfaceName, bytes)
  } finally {
    bytes.fill(0)
  }
}

function parse(interfaceName: string, bytes: Buffer): WireGuardDevice {
  const peers: Draft[] = []
  let listenPort: number | null = null
  let errno: number | undefined
  for (let at = 0; at < bytes.length && bytes[at] !== LINE_FEED; ) {
    const end = bytes.indexOf(LINE_FEED, at)
    const equals = bytes.indexOf(EQUALS, at)
    if (end < 0 || equals < 0 || equals > end) throw badAnswer(interfaceName, at)
    const key = bytes.toString('latin1', at, equals)
    if (key !== 'private_key' && key !== 'preshared_key') {
      const value = bytes.toString('latin1', equals + 1, end)
      if (key === 'listen_port') listenPort = count(interfaceName, value, at)
      else if (key === 'errno') errno = count(interfaceName, value.replace(/^-/, ''), at)
      else if (key === 'public_key') peers.push(newPeer(interfaceName, value, at))
      else setOfPeer(interfaceName, peers.at(-1), key, value, at)
    }
    at = end + 1
  }
  if (errno === undefined) throw badAnswer(interfaceName, bytes.length)
  if (errno !== 0)
    throw new AppError('UAPI_FAILED', `${interfaceName}: the device answered errno ${errno}`, {
      facts: { interfaceName, errno },
    })
  return { interfaceName, kind: 'userspace', publicKey: null, listenPort, peers: peers.map(freeze) }
}

function setOfPeer(name: string, peer: Draft | undefined, key: string, value: string, at: number) {
  // Ignore unknown keys: a newer version may have more.
  if (peer === undefined) return
  if (key === 'endpoint') peer.endpoint = value
  else if (key === 'allowed_ip') peer.allowedIps.push(value)
  else if (key === 'rx_bytes') peer.rxBytes = count(name, value, at)
  else if (key === 'tx_bytes') peer.txBytes = count(name, value, at)
  else if (key === 'last_handshake_time_sec')
    peer.lastHandshakeSeconds = count(name, value, at) || null
}

function newPeer(interfaceName: string, hex: string, at: number): Draft {
  if (!/^[0-9a-f]{64}$/i.test(hex)) throw badAnswer(interfaceName, at)
  return {
    publicKey: Buffer.from(hex, 'hex').toString('base64'),
    endpoint: null,
    allowedIps: [],
    lastHandshakeSeconds: null,
    rxBytes: 0,
    txBytes: 0,
  }
}

const freeze = (draft: Draft): WireGuardPeer => ({ ...draft })

function count(interfaceName: string, value: string, at: number): number {
  if (!/^\d{1,20}$/.test(value)) throw badAnswer(interfaceName, at)
  return Number(value)
}

function badAnswer(interfaceName: string, at: number): AppError {
  return new AppError(
    'UAPI_BAD_ANSWER',
    `${interfaceName}: cannot read the answer of its WireGuard socket (byte ${at})`,
    { facts: { interfaceName, byteOffset: at } },
  )
}
