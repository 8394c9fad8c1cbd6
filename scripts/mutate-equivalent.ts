/** Mutants of scripts/mutate.ts that behave like the original program, each with the reason. */

export interface Equivalent {
  readonly file: string
  /** The line of code; `from` is the changed token in it. */
  readonly code: string
  readonly from: string
  /** The number of the line among equal lines of the file, from 1. Absent: all of them. */
  readonly nth?: number
  readonly why: string
}

/** For decode_usual(). */
const LEFT = 'the short cut leaves it to the full decoder, which has the same result'

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: 'decode/link.cc',
    code: 'return ip(6);',
    from: '6',
    why: 'every version but 4 and 0 is read as IPv6',
  },
  {
    file: 'decode/link.cc',
    code: 'LinkResult ip(uint8_t version) const { return {at_, wire_, version, OtherReason::kOtherIp}; }',
    from: 'OtherReason::kOtherIp',
    why: 'the reason of a packet with an IP header is never read',
  },
  {
    file: 'decode/ip.cc',
    code: 'constexpr uint16_t kMoreFragments = 0x2000;',
    from: '0x2000',
    why: 'the lowest bit belongs to the offset, which is 0 where this mask is used',
  },
  {
    file: 'decode/decode.cc',
    code: 'return static_cast<int64_t>(static_cast<uint64_t>(std::max<int64_t>(timestamp_ns, 0)) / 1000);',
    from: '0',
    why: '0 ns and 1 ns are the same microsecond',
  },
  {
    file: 'decode/decode.cc',
    code: 'const uint64_t source[2] = {load_be64(ip + 8), load_be64(ip + 16)};',
    from: '2',
    why: 'an array with one more element, which nobody reads',
  },
  {
    file: 'decode/decode.cc',
    code: 'const uint64_t dest[2] = {load_be64(ip + 24), load_be64(ip + 32)};',
    from: '2',
    why: 'an array with one more element, which nobody reads',
  },
  {
    file: 'decode/decode.cc',
    code: 'out.payload = header_bytes < l4 ? l4 - header_bytes : 0;',
    from: '<',
    why: 'both branches are 0 when they are equal',
  },
  {
    file: 'decode/decode.cc',
    code: 'out.payload = l4 > kUdpHeader ? l4 - kUdpHeader : 0;',
    from: '>',
    why: 'both branches are 0 when they are equal',
  },
  {
    file: 'decode/decode.cc',
    code: 'uint32_t at = version == 4 ? 20 : 40;',
    from: '20',
    why: 'a quote of 20 octets has no ports: refused here or below',
  },
  {
    file: 'decode/decode.cc',
    code: 'if (captured < at || (p[0] >> 4) != version) return false;',
    from: '<',
    why: 'a quote that is only an IP header has no ports: refused here or below',
  },
  {
    file: 'decode/decode.cc',
    code: 'if (headers == kExtensionHeadersMax || at + 8 > captured) return false;',
    from: '8',
    why: 'a quote that ends with an extension header has no ports: nothing comes of it here or below',
  },
  {
    file: 'decode/decode.cc',
    code: 'if (headers == kExtensionHeadersMax || at + 8 > captured) return false;',
    from: '>',
    why: 'a quote that ends with an extension header has no ports: nothing comes of it here or below',
  },
  {
    file: 'decode/decode.cc',
    code: 'if (!own_family || end < quote) return;',
    from: '<',
    why: 'an empty quote is nothing',
  },
  {
    file: 'decode/decode.cc',
    code: 'const uint32_t captured = end > ip.header_bytes ? end - ip.header_bytes : 0;',
    from: '>',
    why: 'both branches are 0 when they are equal',
  },
  {
    file: 'decode/decode.cc',
    code: 'const uint32_t captured = end > ip.header_bytes ? end - ip.header_bytes : 0;',
    from: '0',
    why: 'one octet is as far from the ports as none',
  },
  {
    file: 'decode/decode.cc',
    code: 'if (view.captured < header_bytes + kTcpFlagsEnd) return false;',
    from: '<',
    why: LEFT,
  },
  {
    file: 'decode/decode.cc',
    code: 'if (version == 4) {',
    from: '==',
    nth: 3,
    why: LEFT,
  },
  {
    file: 'decode/decode.cc',
    code: 'if (version == 4) {',
    from: '4',
    nth: 3,
    why: LEFT,
  },
  {
    file: 'decode/decode.cc',
    code: 'if (bytes > view.wire || bytes < header_bytes) return false;',
    from: '>',
    why: LEFT,
  },
  {
    file: 'decode/decode.cc',
    code: 'if (bytes > view.wire || bytes < header_bytes) return false;',
    from: '<',
    why: 'neither TCP nor UDP is accepted without octets of its own',
  },
  {
    file: 'decode/decode.cc',
    code: 'if (tcp_bytes < kTcpHeaderMin || tcp_bytes > l4) return false;',
    from: '<',
    why: LEFT,
  },
  {
    file: 'decode/decode.cc',
    code: 'if (tcp_bytes < kTcpHeaderMin || tcp_bytes > l4) return false;',
    from: '>',
    why: LEFT,
  },
  {
    file: 'decode/decode.cc',
    code: 'if (protocol != kProtoUdp || l4 < kUdpHeader) return false;',
    from: '<',
    why: LEFT,
  },
  {
    file: 'decode/decode.cc',
    code: 'out.tcp_sequence = 0;',
    from: '0',
    why: 'only a SYN uses it, and a SYN has set it',
  },
  {
    file: 'decode/decode.cc',
    code: 'out.tcp_flags = 0;',
    from: '0',
    nth: 1,
    why: 'only TCP uses flags; this line is for UDP',
  },
  {
    file: 'decode/decode.cc',
    code: 'set_key(out, view.data, ip.version, 0, 0, ip.version == 4 ? ip.protocol : 0);',
    from: '0',
    why: 'the key of a fragment is made without ports, and in IPv6 without protocol (fragment_key)',
  },
  {
    file: 'decode/decode.cc',
    code: 'out.payload = 0;',
    from: '0',
    why: 'only TCP, UDP and later fragments use it, and they set it',
  },
  {
    file: 'decode/link.cc',
    code: 'uint32_t tag_bytes = 0;',
    from: '0',
    why: 'every case that continues sets it',
  },
  {
    file: 'decode/link.cc',
    code: 'if (family > 0xffff) family = load_be32(data_ + at_);',
    from: '>',
    why: '0xffff and 0xffff0000 are both no family',
  },
  {
    file: 'decode/link.cc',
    code: 'if (family > 0xffff) family = load_be32(data_ + at_);',
    from: '0xffff',
    why: '0x10000 and 0x100 are both no family',
  },
  {
    file: 'decode/link.cc',
    code: 'if (padded > wire_ - at) break;',
    from: '>',
    why: 'the loop ends at the end of the packet as well',
  },
]
