/** Which user a running meter is, and what that user may. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { FakeServer } from '../support/fake-server.js'
import { canCapture, live, running, sessions } from '../support/live-meter.js'
import { start } from '../support/process.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

describe.skipIf(!canCapture)('a running meter (needs root to capture)', () => {
  test('runs as a plain user with ambient capabilities, as the systemd unit starts it', async () => {
    const server = await new FakeServer().start()
    const directory = temporaryDirectory()
    chmodSync(directory, 0o777)
    const child = asPlainUser([
      ...['meter', '--interface', 'lo', '--filter', 'port 1', '--to', server.url, '--key', 'k'],
      ...['--spool', join(directory, 'spool')],
    ])
    const end = ended(child)
    onTestFinished(() => void child.kill('SIGKILL'))
    await until(() => server.stored.size > 0 || child.exitCode !== null)
    expect(capabilities(statusOf(`/proc/${child.pid}`), 'CapEff')).toBe(NET_ADMIN_AND_RAW)
    child.kill('SIGTERM')
    expect((await end).code).toBe(0)
  })

  test('started as root, its spool may have been another user’s before, and the other way round', async () => {
    const { server, meter, spool } = await live(['--user', 'nobody'])
    let before = meter
    for (const [user, uid] of [
      ['root', 0],
      ['nobody', 65_534],
    ] as const) {
      before.child.kill('SIGTERM')
      expect((await before.finished).code, before.output.stderr).toBe(0)
      writeFileSync(join(spool, 'catalog.json'), '{}')
      const args = ['--interface', 'lo', '--filter', 'port 1', '--to', server.url, '--key', 'k']
      before = start(['meter', ...args, '--spool', spool, '--user', user])
      await running(before)
      const names = readdirSync(spool)
      expect([...new Set(names.map((name) => statSync(join(spool, name)).uid))]).toEqual([uid])
      // Else the spool was taken for damaged, and what waited in it for lost.
      expect(names.filter((name) => name.startsWith('damaged-'))).toEqual([])
    }
    before.child.kill('SIGTERM')
    expect((await before.finished).code).toBe(0)
  })

  test('started as root again, for an interface that is gone by then: its spool was another user’s', async () => {
    const { server, meter, spool } = await live(['--user', 'nobody'])
    meter.child.kill('SIGTERM')
    expect((await meter.finished).code, meter.output.stderr).toBe(0)
    const args = ['--interface', 'tmnone0', '--wait-for-interface', '--to', server.url]
    const next = start(['meter', ...args, '--key', 'k', '--spool', spool])
    await running(next)
    expect(statusOf(`/proc/${next.child.pid}`).Uid).toEqual(['0', '0', '0', '0'])
    const names = readdirSync(spool)
    expect([...new Set(names.map((name) => statSync(join(spool, name)).uid))]).toEqual([0])
    expect(names.filter((name) => name.startsWith('damaged-'))).toEqual([])
    next.child.kill('SIGTERM')
    expect((await next.finished).code, next.output.stderr).toBe(0)
  })

  test('started as root, it stays root for an interface that is not there yet', async () => {
    const { meter } = await live(['--interface', 'tmnone0', '--wait-for-interface'])
    expect(statusOf(`/proc/${meter.child.pid}`).Uid).toEqual(['0', '0', '0', '0'])
    expect(meter.output.stderr).toContain('staying root')
    expect(meter.output.stderr).toContain('tmnone0')
  })

  test.each([
    ['a server', (url: string) => ['--to', url]],
    [
      'a proxy',
      (url: string) => ['--to', 'http://192.0.2.1', '--proxy', url, '--allow-plain-http'],
    ],
  ])('it meters beside %s that takes connections and never answers', async (_, options) => {
    const asking = new Set<Socket>()
    const silent = createServer((socket) => {
      asking.add(socket.on('error', () => undefined))
      socket.once('close', () => asking.delete(socket)).resume()
    })
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      for (const socket of asking) socket.destroy()
      silent.close()
    })
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const spool = join(temporaryDirectory(), 'spool')
    const args = ['--interface', 'lo', '--filter', 'port 1', '--spool', spool, '--key', 'k']
    const meter = start(['meter', ...args, '--user', 'root', ...options(url)])
    await running(meter)
    // What hung before still hangs: the start did not wait for an end of it.
    expect(asking.size).toBeGreaterThan(0)
    meter.child.kill('SIGTERM')
    meter.child.kill('SIGTERM')
    expect((await meter.finished).code, meter.output.stderr).toBe(0)
  })

  describe('started as root, every thread has two capabilities and no more', () => {
    test.each<[string, string[], number[]]>([
      ['of a user that is named', ['--user', 'nobody'], [65534]],
      // The first that nobody has; where there is a user tunmeter, that one.
      ['of one without a name', [], idsOf('tunmeter') ?? unusedIds(64_000)],
      ['of root, who asked to stay', ['--user', 'root'], [0]],
    ])('%s', async (_, args, ids) => {
      const { meter, server, dial } = await live(args)
      ;(await dial()).end()
      await until(() => sessions(server).length > 0)
      const { pid } = meter.child
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const status = statusOf(`/proc/${pid}/task/${thread}`)
        expect(ids).toContain(Number(status.Uid![0]))
        for (const set of ['Uid', 'Gid'] as const)
          expect(new Set(status[set]).size, `${thread} ${set}`).toBe(1)
        for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapAmb'])
          expect(capabilities(status, set) & ~NET_ADMIN_AND_RAW, `${thread} ${set}`).toBe(0n)
        // So that what is left to inherit from the start as root is never had again.
        expect(status.NoNewPrivs, thread).toEqual(['1'])
      }
      const main = statusOf(`/proc/${pid}`)
      expect(capabilities(main, 'CapEff')).toBe(NET_ADMIN_AND_RAW)
      expect(capabilities(main, 'CapBnd')).toBe(NET_ADMIN_AND_RAW)
      expect(capabilities(main, 'CapInh')).toBe(0n)
      expect(main.NoNewPrivs).toEqual(['1'])
    })
  })

  test('no permission to capture (needs root to give it up)', async () => {
    const child = spawn(
      'setpriv',
      [
        ...['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath],
        ...[new URL('../../dist/cli.js', import.meta.url).pathname, 'meter', '--interface', 'lo'],
        ...[
          '--to',
          'http://127.0.0.1:1',
          '--key',
          'k',
          '--spool',
          `/tmp/tunmeter-nobody-${process.pid}`,
        ],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' },
    )
    const { code, stderr } = await ended(child)
    expect(stderr).toMatch(/permi/i)
    expect(stderr).toMatch(/CAP_NET_RAW/)
    expect(code).toBe(1)
  })
})

/** As the systemd unit starts it: a user of its own, the two capabilities ambient, none else to be had. */
function asPlainUser(args: readonly string[]): ChildProcess {
  const caps = '+net_raw,+net_admin'
  const only = ['--bounding-set', `-all,${caps}`, '--inh-caps', `-all,${caps}`]
  const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--no-new-privs']
  const cli = new URL('../../dist/cli.js', import.meta.url).pathname
  return spawn(
    'setpriv',
    [...user, ...only, '--ambient-caps', caps, process.execPath, cli, ...args],
    { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' },
  )
}

const NET_ADMIN_AND_RAW = 0x3000n

function statusOf(directory: string): Record<string, string[]> {
  const lines = readFileSync(`${directory}/status`, 'utf8').trim().split('\n')
  return Object.fromEntries(
    lines.map((line) => [line.split(':')[0]!, line.split(':')[1]!.trim().split(/\s+/)]),
  )
}

function capabilities(status: Record<string, string[]>, set: string): bigint {
  return BigInt(`0x${status[set]![0]}`)
}

function idsOf(name: string): number[] | null {
  const line = readFileSync('/etc/passwd', 'utf8').match(new RegExp(`^${name}:[^:]*:(\\d+):`, 'm'))
  return line === null ? null : [Number(line[1])]
}

function unusedIds(first: number): number[] {
  return Array.from({ length: 1000 }, (_, i) => first + i)
}

async function ended(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  let stderr = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { code, stderr }
}
