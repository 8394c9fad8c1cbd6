/** Peers of a real userspace device, and that its private key stays where it was. */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Lab, LabProcess, type Namespace, type WireGuardInterface } from '../support/lab.js'
import { whyNoLab } from '../support/root-only.js'

const CLI = join(import.meta.dirname, '../../dist/cli.js')
const reason = whyNoLab()

describe.skipIf(reason !== null)(
  `peers of wireguard-go${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let lab: Lab
    let space: Namespace
    let device: WireGuardInterface
    const KEYS = Array.from({ length: 3 }, (_, i) => Buffer.alloc(32, i + 65).toString('base64'))

    beforeAll(async () => {
      lab = await Lab.create('tme1')
      space = await lab.namespace('site')
      device = await lab.wireguard(space, 'tme1-wg', {
        addresses: ['10.90.0.1/24'],
        listenPort: 51820,
      })
      for (const [i, publicKey] of KEYS.entries())
        await device.setPeer({
          publicKey,
          allowedIps: [`10.90.0.${i + 2}/32`, `fd90::${i + 2}/128`],
        })
    })
    afterAll(() => lab?.close())

    test('are those that wg shows', async () => {
      const { stdout } = await space.run('node', [CLI, 'peers', '--interface', 'tme1-wg', '--json'])
      const shown = JSON.parse(stdout)
      expect(shown).toMatchObject({
        interfaceName: 'tme1-wg',
        kind: 'userspace',
        listenPort: 51820,
      })
      const byKey = (a: { publicKey: string }, b: { publicKey: string }) =>
        a.publicKey < b.publicKey ? -1 : 1
      const want = (await device.dump()).map((row) => ({
        ...row,
        clientId: null,
        clientName: null,
        userName: null,
        lastHandshakeSeconds: null,
      }))
      expect(shown.peers.sort(byKey)).toEqual(want.sort(byKey))
    })

    for (const [name, args, code, message] of [
      ['a missing interface', ['--interface', 'nope0'], 1, 'there is no interface nope0'],
      ['another kind of interface', ['--interface', 'lo'], 1, 'lo is not a WireGuard interface'],
      ['no interface', [], 2, '--interface IF is required'],
      [
        'a catalog that is none',
        ['--interface', 'tme1-wg', '--catalog', '/dev/null/x'],
        2,
        'ENOTDIR',
      ],
    ] as const)
      test(`${name}: a clear error, exit ${code}`, async () => {
        const got = await space.run('node', [CLI, 'peers', ...args], { allow: [1, 2] })
        expect(got.code).toBe(code)
        expect(got.stderr).toContain(message)
        expect(got.stderr).not.toContain('bug')
      })

    test('without the right to use the socket: what to do', async () => {
      const got = await space.run(
        'setpriv',
        [
          '--reuid=65534',
          '--regid=65534',
          '--clear-groups',
          'node',
          CLI,
          'peers',
          '--interface',
          'tme1-wg',
        ],
        { allow: [1] },
      )
      expect(got.code).toBe(1)
      expect(got.stderr).toContain('no permission')
    })

    test('the private key is nowhere in the memory of a process that has read them', async () => {
      // The process reads the peers again and again and says so; then its memory is searched from outside.
      const reader = `
      const { readPeers } = await import(${JSON.stringify(join(import.meta.dirname, '../../dist/meter/wireguard/read-peers.js'))})
      for (let i = 0; i < 20; i++) var device = await readPeers('tme1-wg')
      console.log(JSON.stringify(device.peers.length))
      setInterval(() => {}, 1000)`
      const child = new LabProcess(
        'reader',
        spawn('ip', ['netns', 'exec', space.name, 'node', '--input-type=module', '-e', reader], {
          stdio: ['ignore', 'pipe', 'pipe'],
        }),
      )
      lab.own(child)
      await child.says('3\n')
      const pid = child.child.pid!
      const publicKey = Buffer.from(KEYS[0]!, 'base64')
      const privateKey = Buffer.from(device.keys.privateKey, 'base64')
      const found = (key: Buffer) =>
        [key, Buffer.from(key.toString('hex')), Buffer.from(key.toString('base64'))].map((form) =>
          countInMemory(pid, form),
        )
      // The search finds what is there: the public key's text.
      expect(found(publicKey)[2]).toBeGreaterThan(0)
      expect(found(privateKey)).toEqual([0, 0, 0])
      await child.stop('SIGKILL')
    })
  },
)

/** How often the bytes stand in the writable memory of a process. */
function countInMemory(pid: number, needle: Buffer): number {
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  let count = 0
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line)
    if (match === null) continue
    let [at, end] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)]
    const chunk = Buffer.alloc(4 * 1024 * 1024)
    while (at < end) {
      let length = 0
      try {
        length = readSync(memory, chunk, 0, Math.min(chunk.length, end - at), at)
      } catch {
        // A guard page, or memory that was given back meanwhile.
      }
      if (length === 0) break
      for (let i = chunk.indexOf(needle); i >= 0 && i < length; i = chunk.indexOf(needle, i + 1))
        count++
      at += length === end - at ? length : Math.max(1, length - needle.length)
    }
  }
  closeSync(memory)
  return count
}
