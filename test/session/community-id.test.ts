/** Against published ids: the specification's own baselines, and Zeek's and Suricata's for captures of theirs. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { communityId, type FiveTuple } from '../../src/session/community-id.js'

const tuple = (
  protocol: 'tcp' | 'udp',
  sourceIp: string,
  sourcePort: number,
  destIp: string,
  destPort: number,
): FiveTuple => ({ protocol, sourceIp, sourcePort, destIp, destPort })

const http = tuple('tcp', '128.232.110.120', 34855, '66.35.250.204', 80)
const mail = tuple(
  'tcp',
  '2001:470:e5bf:dead:4957:2174:e82c:4887',
  63943,
  '2607:f8b0:400c:c03::1a',
  25,
)

const turned = (t: FiveTuple): FiveTuple =>
  tuple(t.protocol, t.destIp, t.destPort, t.sourceIp, t.sourcePort)

describe('community id', () => {
  test.each([
    ['TCP over IPv4', http, 0, '1:LQU9qZlK+B5F3KDmev6m5PMibrg='],
    ['the other direction', turned(http), 0, '1:LQU9qZlK+B5F3KDmev6m5PMibrg='],
    ['with a seed', http, 1, '1:3V71V58M3Ksw/yuFALMcW0LAHvc='],
    [
      'UDP',
      tuple('udp', '192.168.1.52', 54585, '8.8.8.8', 53),
      0,
      '1:d/FP5EW3wiY1vCndhwleRRKHowQ=',
    ],
    ['TCP over IPv6', mail, 0, '1:/qFaeAR+gFe1KYjMzVDsMv+wgU4='],
    ['IPv6, the other direction', turned(mail), 0, '1:/qFaeAR+gFe1KYjMzVDsMv+wgU4='],
  ] as const)('%s', (_, five, seed, id) => {
    expect(communityId(five, seed)).toBe(id)
  })

  test('addresses of two families, which no packet has, have one id in both directions', () => {
    const mixed = tuple('tcp', '10.8.0.2', 40000, '2001:db8::5', 80)
    const first = communityId(mixed)
    expect([communityId(http), communityId(mail)]).toHaveLength(2)
    expect([communityId(mixed), communityId(turned(mixed))]).toEqual([first, first])
  })

  test('equal addresses are ordered by port', () => {
    const loop = tuple('tcp', '127.0.0.1', 40000, '127.0.0.1', 80)
    expect(communityId(loop)).toBe(communityId(turned(loop)))
  })
})

interface Truth {
  readonly conversations: readonly {
    readonly proto: 'tcp' | 'udp'
    readonly a: { readonly ip: string; readonly port: number }
    readonly b: { readonly ip: string; readonly port: number }
    readonly community_id?: string
  }[]
}

const CORPUS =
  process.env.TUNMETER_CORPUS ?? fileURLToPath(new URL('../../../shared/corpus', import.meta.url))

function truths(): string[] {
  try {
    return readdirSync(`${CORPUS}/truth`).filter((name) => name.endsWith('.json'))
  } catch {
    return []
  }
}

describe.skipIf(truths().length === 0)('community id of every conversation of the corpus', () => {
  test('equals the truth', () => {
    let compared = 0
    for (const file of truths()) {
      const truth = JSON.parse(readFileSync(`${CORPUS}/truth/${file}`, 'utf8')) as Truth
      for (const { proto, a, b, community_id } of truth.conversations) {
        if (community_id === undefined) continue
        expect(communityId(tuple(proto, a.ip, a.port, b.ip, b.port)), file).toBe(community_id)
        compared++
      }
    }
    expect(compared).toBeGreaterThan(3000)
  })
})
