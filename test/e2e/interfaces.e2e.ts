/** Interfaces that come and go: what a meter holds for them goes with them. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../../src/cli/doctor-checks.js'
import { Lab, LabProcess, type Namespace, run, until } from '../support/lab.js'
import { whyNoLab } from '../support/root-only.js'

const CLI = join(import.meta.dirname, '../../dist/cli.js')
const reason = whyNoLab()

describe.skipIf(reason !== null)(
  `interfaces that come and go${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let lab: Lab
    let space: Namespace
    let meter: LabProcess
    const spool = mkdtempSync(join(tmpdir(), 'tunmeter-e2e-'))

    beforeAll(async () => {
      lab = await Lab.create('tme7')
      space = await lab.namespace('site')
      await space.ip('link add tme7-stay type veth peer name far-stay')
      await space.ip('link set tme7-stay up')
      const args = ['--interface', 'tme7-*', '--to', 'http://127.0.0.1:1', '--user', 'root']
      const more = ['--spool', spool, '--forget-interface-after', '1s']
      meter = space.spawn('node', [CLI, 'meter', ...args, ...more], { TUNMETER_KEY: 'k' })
      await meter.says('"metering"')
    })
    afterAll(async () => {
      await lab?.close()
      rmSync(spool, { recursive: true, force: true })
    })

    const threads = () => readdirSync(`/proc/${meter.child.pid}/task`).length
    const said = (text: string) => meter.stderr.split('\n').filter((line) => line.includes(text))

    test('are let go with their threads, and read again when they come back', async () => {
      const before = threads()
      for (let round = 1; round <= 2; round++) {
        for (let i = 0; i < 4; i++) {
          await space.ip(`link add tme7-${i} type veth peer name far-${i}`)
          await space.ip(`link set tme7-${i} up`)
        }
        await until('all are read', () => said('interface found').length === 4 * round)
        expect(threads()).toBeGreaterThanOrEqual(before + 4)
        for (let i = 0; i < 4; i++) await space.ip(`link del tme7-${i}`)
        await until('all are let go', () => said('and is forgotten').length === 4 * round)
        await until('their threads have ended', () => threads() <= before)
      }
      expect(said('and is forgotten').join()).not.toContain('tme7-stay')
    })

    test('without a descriptor for it: said, and read when there is one again', async () => {
      const files = readdirSync(`/proc/${meter.child.pid}/fd`).length
      const limit = (most: number) =>
        run('prlimit', ['--pid', String(meter.child.pid), `--nofile=${most}:1024`])
      await limit(files - 2)
      await space.ip('link add tme7-late type veth peer name far-late')
      await space.ip('link set tme7-late up')
      // Either cannot be found, or cannot be opened: by how many descriptors are left at that moment.
      const refusals = /interfaces cannot be listed|Too many open files/
      await until('it is said', () => refusals.test(meter.stderr))
      await limit(1024)
      await until('it is read', () =>
        said('interface found').some((line) => line.includes('tme7-late')),
      )
    })

    test('the meter ends in order afterwards', async () => {
      expect(await meter.stop()).toBe(0)
    })
  },
)

describe.skipIf(reason !== null)(
  `more interfaces than threads${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let lab: Lab
    /** The limit counts the threads of a user: one as whom nothing else runs. */
    const USER = 'games'
    const THREADS = 24
    const spool = mkdtempSync(join(tmpdir(), 'tunmeter-e2e-'))

    beforeAll(async () => {
      lab = await Lab.create('tme9')
    })
    afterAll(async () => {
      await lab?.close()
      rmSync(spool, { recursive: true, force: true })
    })

    test('are each an error of their own; the start, and what comes later, goes on', async () => {
      const space = await lab.namespace('site')
      chmodSync(spool, 0o755)
      const add = async (from: number, to: number) => {
        for (let i = from; i < to; i++) {
          await space.ip(`link add tme9-${i} type veth peer name far-${i}`)
          await space.ip(`link set tme9-${i} up`)
        }
      }
      await add(0, THREADS)
      const args = ['--interface', 'tme9-*', '--to', 'http://127.0.0.1:1', '--user', USER]
      const command = [process.execPath, CLI, 'meter', ...args, '--spool', join(spool, 'spool')]
      const key = { TUNMETER_KEY: 'k' }
      const meter = space.spawn('prlimit', [`--nproc=${THREADS}`, ...command], key)
      await meter.says('"metering"')
      const lines = () => meter.stderr.split('\n').filter((line) => line.startsWith('{'))
      const refused = () =>
        lines().flatMap((line) => {
          const { level, interface: name, problem } = JSON.parse(line)
          return level === 50 && /there is no thread/.test(problem) ? [name as string] : []
        })
      const [metering] = lines().filter((line) => line.includes('"metering"'))
      const { interfaces } = JSON.parse(metering ?? '') as { interfaces: string[] }
      expect(interfaces.length).toBeGreaterThan(0)
      expect(new Set([...interfaces, ...refused()]).size).toBe(THREADS)
      await add(THREADS, THREADS + 1)
      await until('the next one is refused too', () => refused().includes(`tme9-${THREADS}`))
      expect(await meter.stop()).toBe(0)
    })
  },
)

describe.skipIf(reason !== null)(
  `a network namespace whose /sys is another one's${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let lab: Lab
    let space: Namespace
    const ONE = 'tme8-one'

    beforeAll(async () => {
      lab = await Lab.create('tme8')
      space = await lab.namespace('site')
      await space.ip(`link add ${ONE} type veth peer name tme8-far`)
      for (const name of [ONE, 'tme8-far']) await space.ip(`link set ${name} up`)
    })
    afterAll(() => lab?.close())

    /** Enters the network alone; `ip netns exec` mounts a /sys of it. */
    const enter = (...args: string[]) => [
      `--net=/run/netns/${space.name}`,
      process.execPath,
      CLI,
      ...args,
    ]
    const spawnThere = (...args: string[]) => {
      const child = spawn('nsenter', enter(...args), { stdio: ['ignore', 'pipe', 'pipe'] })
      return lab.own(new LabProcess(args.join(' '), child))
    }

    test('patterns find what is in it, now and later', async () => {
      const args = ['--interface', 'tme8-*', '--output', '-', '--user', 'root']
      const meter = spawnThere('meter', ...args)
      await meter.says('"metering"')
      expect(meter.stderr).toContain('"interfaces":["tme8-far","tme8-one"]')
      await space.ip('link add tme8-two type veth peer name far-two')
      await space.ip('link set tme8-two up')
      await meter.says('interface found')
      expect(await meter.stop()).toBe(0)
    })

    test('"any" reads every interface', async () => {
      const meter = spawnThere('meter', '--interface', 'any', '--output', '-', '--user', 'root')
      await meter.says('"metering"')
      await space.run('bash', ['-c', 'echo hi > /dev/udp/127.0.0.1/9'])
      await meter.stop()
      const rows = meter.json<{ destAddr: string; packetsTx: number }>()
      expect(rows.filter((row) => row.destAddr === '127.0.0.1:9')).toMatchObject([{ packetsTx: 1 }])
    })

    test('doctor and peers see the interface, and not those of /sys', async () => {
      const doctor = await run(
        'nsenter',
        enter('doctor', '--interface', ONE, '--seconds', '0', '--json'),
        { allow: [1] },
      )
      const { findings } = JSON.parse(doctor.stdout) as { findings: Finding[] }
      expect(findings.find((one) => one.check === 'interface')).toEqual({
        check: 'interface',
        state: 'ok',
        message: `${ONE}: Ethernet, MTU 1500`,
      })
      const peers = await run('nsenter', enter('peers', '--interface', 'nope0'), { allow: [1, 2] })
      expect(peers.stderr).toContain('there is no interface nope0')
      expect(peers.stderr).toContain(ONE)
    })
  },
)
