/**
 * Parses the kernel's answer to WG_CMD_GET_DEVICE (linux/wireguard.h): a dump of one or more messages. A long list of
 * peers continues in the next message. So does a long list of allowed IPs: the peer then comes again, with only its
 * public key and further allowed IPs.
 *
 * The messages hold the private and preshared keys. These attributes are never read, and `add` overwrites the datagram
 * before it returns or throws.
 */

import { ipText } from '../../session/ip-text.js'
import { formatEndpoint } from '../../session/session.js'
import type { WireGuardDevice, WireGuardPeer } from './device.js'
import { badAnswer, eachAttribute, numberOf, parseDatagram, textAttribute } from './netlink.js'

export const WG_GENL_NAME = 'wireguard'
export const WG_GENL_VERSION = 1
export const WG_CMD_GET_DEVICE = 0

const DEVICE = { ifname: 2, publicKey: 4, listenPort: 6, peers: 8 } as const
const PEER = {
  publicKey: 1,
  endpoint: 4,
  lastHandshake: 6,
  rxBytes: 7,
  txBytes: 8,
  allowedIps: 9,
} as const
const ALLOWED_IP = { family: 1, address: 2, length: 3 } as const
const KEY_BYTES = 32
const AF_INET = 2
const AF_INET6 = 10

export function getDeviceAttributes(interfaceName: string): Buffer {
  return textAttribute(DEVICE.ifname, interfaceName)
}

interface Draft {
  publicKey: string
  endpoint: string | null
  allowedIps: string[]
  lastHandshakeSeconds: number | null
  rxBytes: number
  txBytes: number
}

/** Collects the datagrams of one dump. */
export class DeviceAnswer {
  readonly #interfaceName: string
  readonly #peers: Draft[] = []
  #publicKey: string | null = null
  #listenPort: number | null = null

  constructor(interfaceName: string) {
    this.#interfaceName = interfaceName
  }

  /** Overwrites `datagram`. Throws AppError NETLINK_BAD_ANSWER. */
  add(datagram: Buffer, sequence: number) {
    try {
      const { messages, ...rest } = parseDatagram(datagram, sequence)
      for (const { attributes } of messages) this.#device(attributes)
      return rest
    } finally {
      datagram.fill(0)
    }
  }

  device(): WireGuardDevice {
    return {
      interfaceName: this.#interfaceName,
      kind: 'kernel',
      publicKey: this.#publicKey,
      listenPort: this.#listenPort,
      peers: this.#peers.map((draft): WireGuardPeer => ({ ...draft })),
    }
  }

  #device(attributes: Buffer): void {
    eachAttribute(attributes, (type, payload) => {
      if (type === DEVICE.publicKey) this.#publicKey = keyText(payload)
      else if (type === DEVICE.listenPort) this.#listenPort = numberOf(payload)
      else if (type === DEVICE.peers) eachAttribute(payload, (_, peer) => this.#peer(peer))
    })
  }

  #peer(attributes: Buffer): void {
    let draft: Draft | undefined
    eachAttribute(attributes, (type, payload) => {
      // The kernel sends the key first (wg_get_device), so attributes before a key belong to no peer.
      if (type === PEER.publicKey) draft = this.#named(keyText(payload))
      else if (draft !== undefined) setOfPeer(draft, type, payload)
    })
    if (draft === undefined) throw badAnswer('a peer without a public key', 0)
  }

  /** Returns the last peer if it has this key, because its list continues; any other key begins a new peer. */
  #named(publicKey: string): Draft {
    const last = this.#peers.at(-1)
    if (last?.publicKey === publicKey) return last
    const draft: Draft = {
      publicKey,
      endpoint: null,
      allowedIps: [],
      lastHandshakeSeconds: null,
      rxBytes: 0,
      txBytes: 0,
    }
    this.#peers.push(draft)
    return draft
  }
}

function setOfPeer(draft: Draft, type: number, payload: Buffer): void {
  if (type === PEER.endpoint) draft.endpoint = endpointText(payload)
  else if (type === PEER.rxBytes) draft.rxBytes = numberOf(payload)
  else if (type === PEER.txBytes) draft.txBytes = numberOf(payload)
  else if (type === PEER.lastHandshake) draft.lastHandshakeSeconds = seconds(payload)
  else if (type === PEER.allowedIps)
    eachAttribute(payload, (_, one) => draft.allowedIps.push(allowedIpText(one)))
}

function keyText(payload: Buffer): string {
  if (payload.length !== KEY_BYTES) throw badAnswer(`a key of ${payload.length} bytes`, 0)
  return payload.toString('base64')
}

/** struct __kernel_timespec: seconds and nanoseconds, 64 bits each. */
function seconds(payload: Buffer): number | null {
  if (payload.length !== 16) throw badAnswer(`a time of ${payload.length} bytes`, 0)
  return Number(payload.readBigInt64LE(0)) || null
}

/** Reads a struct sockaddr_in or sockaddr_in6; the port is in network order. A link-local address keeps its zone. */
function endpointText(payload: Buffer): string {
  const family = payload.length >= 2 ? payload.readUInt16LE(0) : 0
  if (family === AF_INET && payload.length >= 16)
    return formatEndpoint(ipText(payload.subarray(4, 8)), payload.readUInt16BE(2))
  if (family === AF_INET6 && payload.length >= 28) {
    const zone = payload.readUInt32LE(24)
    const ip = ipText(payload.subarray(8, 24))
    return formatEndpoint(zone === 0 ? ip : `${ip}%${zone}`, payload.readUInt16BE(2))
  }
  throw badAnswer(`an endpoint of family ${family} in ${payload.length} bytes`, 0)
}

function allowedIpText(attributes: Buffer): string {
  let ip: string | undefined
  let length: number | undefined
  eachAttribute(attributes, (type, payload) => {
    if (type === ALLOWED_IP.length) length = numberOf(payload)
    else if (type === ALLOWED_IP.address) {
      if (payload.length !== 4 && payload.length !== 16)
        throw badAnswer(`an address of ${payload.length} bytes`, 0)
      ip = ipText(payload)
    }
  })
  if (ip === undefined || length === undefined || length > (ip.includes(':') ? 128 : 32))
    throw badAnswer('an allowed IP that is none', 0)
  return `${ip}/${length}`
}
