/**
 * native/source/source_live.cc on real interfaces in a network namespace of its own: packets, filter, snaplen, and what
 * happens when the interface goes down, is renamed, deleted or made anew. Truth: what ping(8) says it sent.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { run, until } from '../../support/lab.js'
import { parseDumps, STATUS, sourceDumpTool } from '../../support/source-dump.js'

const SPACE = `tmsrc${process.pid}`
const isRoot = process.getuid?.() === 0
const canPing = existsSync('/usr/bin/ping') || existsSync('/bin/ping')
const LINK = { ethernet: '1', raw: '101', sll2: '276' } as const

/** A command in the namespace. */
function inSpace(command: string, allow: number[] = []) {
  return run('ip', ['netns', 'exec', SPACE, 'sh', '-c', command], { allow })
}

/** The live source at work; `lines` are what it has said so far. */
class Capture {
  readonly lines: string[] = []
  readonly #tool: ChildProcessWithoutNullStreams
  readonly #closed: Promise<unknown>

  constructor(tool: string, args: readonly string[]) {
    this.#tool = spawn('ip', ['netns', 'exec', SPACE, tool, '--live', ...args])
    this.#closed = once(this.#tool, 'close')
    createInterface(this.#tool.stdout).on('line', (line) => this.lines.push(line))
    this.#tool.stderr.on('data', (text) => this.lines.push(`stderr ${text}`))
  }
  said(pattern: RegExp, times = 1): Promise<unknown> {
    return until(`${pattern} x ${times} in:\n${this.lines.join('\n')}`, () => {
      return this.lines.filter((line) => pattern.test(line)).length >= times
    })
  }
  packets(linkType: string): string[] {
    return this.lines.filter((line) => line.split(' ')[1] === linkType && /^\d/.test(line))
  }
  /** Ends it; what it says last. */
  async end() {
    this.#tool.stdin.end()
    await this.#closed
    const [dump] = parseDumps(this.lines.join('\n'))
    const stats = /^stats (\d+) (\d+) (\d+)$/.exec(this.lines.at(-1) ?? '')
    return {
      ...dump!,
      received: Number(stats?.[1]),
      dropped: Number(stats?.[2]),
      reopened: Number(stats?.[3]),
    }
  }
  kill(): void {
    this.#tool.kill('SIGKILL')
  }
}

const reason = isRoot ? (canPing ? '' : ' (skipped: needs ping)') : ' (skipped: needs root)'

describe.skipIf(reason !== '')(`live interfaces${reason}`, () => {
  let tool = ''
  const captures: Capture[] = []
  const start = (...args: string[]) => {
    const capture = new Capture(tool, args)
    captures.push(capture)
    return capture
  }
  /** One echo request of 56 octets to a neighbour that cannot answer, but is known: exactly one packet. */
  const ping = (target = '10.77.0.2', count = 1) =>
    inSpace(`ping -n -q -c ${count} -i 0.01 -W 0.01 ${target}`, [1])
  const makePair = () =>
    inSpace(`
      ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02
      sysctl -qw net.ipv6.conf.v0.disable_ipv6=1 net.ipv6.conf.v1.disable_ipv6=1
      ip addr add 10.77.0.1/24 dev v0
      ip link set v1 up
      ip link set v0 up
      ip neigh replace 10.77.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent`)

  beforeAll(async () => {
    tool = await sourceDumpTool()
    await run('ip', ['netns', 'add', SPACE])
    await inSpace('ip link set lo up')
    await makePair()
  }, 240_000)
  afterEach(() => {
    for (const capture of captures.splice(0)) capture.kill()
  })
  afterAll(async () => {
    await run('ip', ['netns', 'del', SPACE], { allow: [1] })
  })

  test('packets of an Ethernet interface, cut at the snaplen, filtered', async () => {
    const capture = start('v0', '64', 'icmp')
    await capture.said(/^ready/)
    await ping('10.77.0.2', 200)
    await capture.said(/^\d+ 1 64 98 /, 200)
    const end = await capture.end()
    expect(end).toMatchObject({ status: STATUS.ok, received: 200, dropped: 0, reopened: 0 })
    expect(end.packets).toHaveLength(200)
    // The kernel stamps nanoseconds; all 200 being whole microseconds would be chance 1 in 10^600.
    expect(end.packets.some((line) => !line.split(' ')[0]!.endsWith('000'))).toBe(true)
    const times = end.packets.map((line) => BigInt(line.split(' ')[0]!))
    expect(times.every((ns, i) => i === 0 || ns >= times[i - 1]!)).toBe(true)
    expect(Math.abs(Number(times[0]! / 1_000_000n) - Date.now())).toBeLessThan(60_000)
  })

  test('down and up: said, and no packet after it is up again is lost', async () => {
    const capture = start('v0', '256', 'icmp')
    await capture.said(/^ready/)
    await ping()
    await capture.said(/^\d+ 1 98 98 /, 1)
    await inSpace('ip link set v0 down')
    await capture.said(/^gone INTERFACE_DOWN v0: the interface is down/)
    await inSpace(`ip link set v0 up
      ip neigh replace 10.77.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent`)
    await ping('10.77.0.2', 3)
    await capture.said(/^\d+ 1 98 98 /, 4)
    expect(await capture.end()).toMatchObject({ received: 4, reopened: 1 })
  })

  test('renamed: another name is another interface', async () => {
    const capture = start('v1')
    await capture.said(/^ready/)
    await inSpace('ip link set v1 name v1b')
    await capture.said(/^gone INTERFACE_GONE v1: the interface was deleted or renamed/)
    await inSpace('ip link set v1b name v1')
    await capture.said(/^reopened/)
    await ping()
    await capture.said(/^\d+ 1 98 98 /)
    expect(await capture.end()).toMatchObject({ reopened: 1 })
  })

  test('deleted and made anew: the new one is captured, counters go on', async () => {
    const capture = start('v0', '256', 'icmp')
    await capture.said(/^ready/)
    await ping('10.77.0.2', 2)
    await capture.said(/^\d+ 1 98 98 /, 2)
    await inSpace('ip link del v0')
    await capture.said(/^gone INTERFACE_GONE v0/)
    await makePair()
    await capture.said(/^reopened/)
    await ping('10.77.0.2', 3)
    await capture.said(/^\d+ 1 98 98 /, 5)
    const end = await capture.end()
    expect(end.packets).toHaveLength(5)
    expect(end.received).toBe(5)
    expect(end.reopened).toBeGreaterThanOrEqual(1)
  })

  test('another interface under the same name is noticed', async () => {
    await inSpace('ip link add x0 type veth peer name x1; ip link add y0 type veth peer name y1')
    await inSpace('ip link set x0 up; ip link set y0 up')
    const capture = start('x0')
    await capture.said(/^ready/)
    await inSpace('ip link set x0 name z0; ip link set y0 name x0')
    await capture.said(/^gone INTERFACE_GONE x0: (another interface has taken this name|.*renamed)/)
    await capture.said(/^reopened/)
    await capture.end()
    await inSpace('ip link del z0; ip link del x0')
  })

  test('an interface that is down when it is opened is waited for', async () => {
    await inSpace('ip link add d0 type veth peer name d1; ip link set d1 up')
    const capture = start('d0')
    await capture.said(/^gone INTERFACE_DOWN/)
    await inSpace('ip link set d0 up')
    await capture.said(/^reopened/)
    await capture.end()
    await inSpace('ip link del d0')
  })

  test('"any": loopback is seen once, with the interface in its header', async () => {
    const capture = start('any', '256', 'icmp')
    await capture.said(/^ready/)
    await ping('127.0.0.1', 3)
    // Three requests and three replies; SLL2's header is 20 octets.
    await capture.said(/^\d+ 276 104 104 /, 6)
    const end = await capture.end()
    expect(capture.packets(LINK.sll2)).toHaveLength(6)
    expect(end.packets).toHaveLength(6)
  })

  const hasTun = existsSync('/dev/net/tun') && existsSync('/usr/bin/wireguard-go')
  test.skipIf(!hasTun)('a TUN device gives raw IP (needs wireguard-go)', async () => {
    const name = `tms${process.pid % 100_000}`
    await inSpace(`wireguard-go ${name} >/dev/null 2>&1`)
    try {
      await inSpace(`ip link set ${name} up; ip addr add 10.78.0.1/24 dev ${name}`)
      const capture = start(name, '40', 'icmp')
      await capture.said(/^ready/)
      await ping('10.78.0.2', 3)
      await capture.said(/^\d+ 101 40 84 /, 3)
      await inSpace(`ip link del ${name}`)
      await capture.said(/^gone INTERFACE_GONE/)
      expect(await capture.end()).toMatchObject({ received: 3 })
    } finally {
      await inSpace(`ip link del ${name}`, [1])
    }
  })

  test('a missing interface: which ones there are', async () => {
    const end = await start('nope').end()
    expect(end).toMatchObject({ status: STATUS.failed, code: 'INTERFACE_MISSING' })
    expect(end.message).toMatch(/no such interface\. There are: .*\blo\b.*\bv0\b.*\(and any\)/)
  })

  test("a wrong filter: libpcap's words", async () => {
    const end = await start('v0', '256', 'port zebra and').end()
    expect(end).toMatchObject({ status: STATUS.failed, code: 'BAD_FILTER' })
    expect(end.message).toMatch(/"port zebra and" is wrong: .*(syntax error|unknown port)/)
  })

  test('no permission: what to do', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tunmeter-live-'))
    try {
      await run('chmod', ['0755', directory])
      const copy = join(directory, 'tool')
      copyFileSync(tool, copy)
      await run('chmod', ['0755', copy])
      const { stdout } = await inSpace(`setpriv --reuid 65534 --clear-groups ${copy} --live v0`)
      expect(parseDumps(stdout)[0]).toMatchObject({
        status: STATUS.failed,
        code: 'NO_PERMISSION',
        message: expect.stringContaining(`sudo setcap cap_net_raw+ep ${copy}`),
      })
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
