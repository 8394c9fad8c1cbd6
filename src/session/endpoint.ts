/** Parses `ip:port`, `[ip6]:port` or a bare address (port 0: unknown). */
import { isIP } from 'node:net'
import { canonicalIp } from './canonical-ip.js'

export function parseEndpoint(text: string): { ip: string; port: number } | undefined {
  if (isIP(text) !== 0) return { ip: canonicalIp(text), port: 0 }
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const ip = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (ip === undefined || isIP(ip) === 0 || port > 65_535) return undefined
  return { ip: canonicalIp(ip), port }
}
