/**
 * Link layers: from the first octet of a packet to its outermost IP header.
 *
 * Each function reads one header, moves on and returns the IP version that the header promises (0: the first nibble
 * decides). IEEE 802.1Q, 802.1ad, 802.1ah, 802.3 LLC/SNAP; RFC 3032 (MPLS), 2516 (PPPoE), 1661 (PPP), 1547 (HDLC).
 */
import type { Reader } from './reader.js'

export type IpVersion = 0 | 4 | 6

const TAGS_MAX = 8
const MPLS_LABELS_MAX = 8

export function readLink(r: Reader, linkType: number): IpVersion {
  switch (linkType) {
    case 0:
    case 108:
      return readLoopback(r)
    case 1:
      return readEthernet(r, 0)
    case 9:
    case 50:
      // DLT_PPP_SERIAL, and files of type PPP written from Cisco HDLC lines.
      r.need(1)
      return r.u8(0) === 0x0f || r.u8(0) === 0x8f ? readCiscoHdlc(r) : readPpp(r, true)
    case 12:
    case 14:
    case 101:
      return 0
    case 51:
      return readPppoe(r)
    case 104:
      return readCiscoHdlc(r)
    case 113:
      return readCooked(r, 16, 14)
    case 228:
      return 4
    case 229:
      return 6
    case 239:
      return readNflog(r)
    case 242: // IP over InfiniBand
      return readCooked(r, 44, 40)
    case 276:
      return readCooked(r, 20, 0)
    default:
      return r.stop('unknownLink')
  }
}

function readLoopback(r: Reader): IpVersion {
  r.need(4)
  // The family is in the byte order of the host that captured: the small reading is the right one.
  const little = r.u16Little(2) === 0
  const family = little ? r.u16Little(0) : r.u16(0) === 0 ? r.u16(2) : -1
  r.at += 4
  if (family === 2) return 4
  // AF_INET6 of Linux, Windows, NetBSD/OpenBSD, FreeBSD, Darwin
  if ([10, 23, 24, 28, 30].includes(family)) return 6
  return r.stop('nonIp')
}

function readEthernet(r: Reader, tags: number): IpVersion {
  r.need(14)
  const type = r.u16(12)
  r.at += 14
  return type <= 1500 ? readLlc(r, tags) : readType(r, type, tags)
}

function readCooked(r: Reader, headerBytes: number, typeOffset: number): IpVersion {
  r.need(headerBytes)
  const type = r.u16(typeOffset)
  r.at += headerBytes
  return type === 0x0004 ? readLlc(r, 0) : readType(r, type, 0)
}

function readCiscoHdlc(r: Reader): IpVersion {
  r.need(4)
  const type = r.u16(2)
  r.at += 4
  return readType(r, type, 0)
}

function readLlc(r: Reader, tags: number): IpVersion {
  r.need(3)
  const [dsap, ssap, control] = [r.u8(0), r.u8(1), r.u8(2)]
  if (dsap === 0x06 && ssap === 0x06 && control === 0x03) {
    r.at += 3
    return 4
  }
  if (dsap !== 0xaa || ssap !== 0xaa || control !== 0x03) return r.stop('nonIp')
  r.need(8)
  const oui = r.u8(3) * 65536 + r.u16(4)
  if (oui !== 0 && oui !== 0x0000f8) return r.stop('nonIp')
  const type = r.u16(6)
  r.at += 8
  return readType(r, type, tags)
}

/** By EtherType. `tags` counts the VLAN tags and the like that were read before. */
function readType(r: Reader, type: number, tags: number): IpVersion {
  switch (type) {
    case 0x0800:
      return 4
    case 0x86dd:
      return 6
    case 0x0806:
      return r.stop('arp')
    case 0x8847:
    case 0x8848:
      return readMpls(r)
    case 0x8864:
      return readPppoe(r)
    case 0x8100: // 802.1Q
    case 0x88a8: // 802.1ad
    case 0x9100:
    case 0x9200:
      return readTag(r, 4, tags)
    case 0x8926: // VN-tag
      return readTag(r, 6, tags)
    case 0x893f: // 802.1BR E-tag
      return readTag(r, 8, tags)
    case 0x88e5: // MACsec: in the clear unless encrypted or changed; the SCI is optional
      r.need(1)
      if (r.u8(0) & 0x0c) return r.stop('nonIp')
      return readTag(r, r.u8(0) & 0x20 ? 16 : 8, tags)
    case 0x88e7: // 802.1ah: a service tag
      return readInnerEthernet(r, 4, tags)
    case 0x8903: // Cisco FabricPath: a forwarding tag
      return readInnerEthernet(r, 2, tags)
    default:
      return r.stop('nonIp')
  }
}

/** A tag of so many octets, the last two of which are the type of what follows. */
function readTag(r: Reader, tagBytes: number, tags: number): IpVersion {
  if (tags === TAGS_MAX) return r.stop('nonIp')
  r.need(tagBytes)
  const type = r.u16(tagBytes - 2)
  r.at += tagBytes
  return type <= 1500 ? readLlc(r, tags + 1) : readType(r, type, tags + 1)
}

/** A tag of so many octets, then a whole Ethernet header. */
function readInnerEthernet(r: Reader, tagBytes: number, tags: number): IpVersion {
  if (tags === TAGS_MAX) return r.stop('nonIp')
  r.need(tagBytes)
  r.at += tagBytes
  return readEthernet(r, tags + 1)
}

function readMpls(r: Reader): IpVersion {
  for (let labels = 0; labels < MPLS_LABELS_MAX; labels++) {
    r.need(4)
    const bottomOfStack = r.u8(2) & 1
    r.at += 4
    if (bottomOfStack) return 0
  }
  return r.stop('nonIp')
}

function readPppoe(r: Reader): IpVersion {
  r.need(6)
  r.at += 6
  return readPpp(r, false)
}

function readPpp(r: Reader, hdlcFraming: boolean): IpVersion {
  r.need(1)
  if (hdlcFraming && r.u8(0) === 0xff) {
    // Address and control; half of them says nothing about a protocol.
    r.need(2)
    if (r.u8(1) === 0x03) {
      r.at += 2
      r.need(1)
    }
  }
  // RFC 1661 section 6.5: the last octet of a protocol number is odd; a compressed one has only that.
  const compressed = r.u8(0) & 1
  if (!compressed) r.need(2)
  const protocol = compressed ? r.u8(0) : r.u16(0)
  r.at += compressed ? 1 : 2
  if (protocol === 0x0021) return 4
  if (protocol === 0x0057) return 6
  if (protocol === 0x0281 || protocol === 0x0283) return readMpls(r)
  return r.stop('nonIp')
}

/** By the first attribute: types are small; else by whether its length can be. */
function isLittle(r: Reader): boolean {
  const [high, low] = [r.u16(2) >> 8, r.u16(2) & 255]
  if ((high === 0) !== (low === 0)) return low === 0
  return r.u16Little(0) >= 4 && r.u16Little(0) <= r.left
}

/** NFLOG: attributes (length, type, value padded to 4); number 9 is the packet. */
function readNflog(r: Reader): IpVersion {
  r.need(4)
  r.at += 4
  const bytes = r.left
  let little = true
  for (let first = true; r.at < r.end; first = false) {
    r.need(4, bytes)
    if (first) little = isLittle(r)
    const length = little ? r.u16Little(0) : r.u16(0)
    const type = little ? r.u16Little(2) : r.u16(2)
    if (length < 4 || length > r.left) return r.stop('badHeader', bytes)
    if (type === 9) {
      r.end = r.at + length
      r.at += 4
      return 0
    }
    r.at += Math.ceil(length / 4) * 4
  }
  return r.stop('nonIp', bytes)
}
