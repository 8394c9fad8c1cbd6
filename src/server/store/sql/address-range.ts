/** Prefixes of addresses as ranges. */
/** The first and last address of a prefix, as 8 or 32 hex digits. */
export function prefixRange(ip: string, length: number): [string, string] {
  const bits = ip.includes(':') ? 128 : 32
  const value = addressValue(ip)
  const host = (1n << BigInt(bits - length)) - 1n
  const digits = bits / 4
  const low = value & ~host
  return [low.toString(16).padStart(digits, '0'), (low | host).toString(16).padStart(digits, '0')]
}

export function addressValue(ip: string): bigint {
  if (!ip.includes(':')) return ip.split('.').reduce((v, octet) => v * 256n + BigInt(octet), 0n)
  const [head = '', tail] = ip.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups =
    tail === undefined
      ? left
      : [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return groups.reduce((v, group) => v * 65536n + BigInt(`0x${group}`), 0n)
}
