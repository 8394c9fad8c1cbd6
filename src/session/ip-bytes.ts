/** Addresses as bytes. */
import { isIP } from 'node:net'

/** Network order, 4 or 16 bytes, of a text that isIP() accepts. A zone (`%eth0`) is not part of the address. */
export function ipBytes(ip: string): number[] {
  if (isIP(ip) === 4) return ip.split('.').map(Number)
  const [head = '', tail] = (ip.split('%')[0] ?? '').split('::')
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const zeros = new Array<number>(8 - left.length - right.length).fill(0)
  return [...left, ...zeros, ...right].flatMap((group) => [group >> 8, group & 0xff])
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}
