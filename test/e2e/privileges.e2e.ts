/** What a running meter may still do, in each of its threads: no more than to read packets and peers. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Lab, type Namespace } from '../support/lab.js'
import { whyNoLab } from '../support/root-only.js'

const CLI = join(import.meta.dirname, '../../dist/cli.js')
const NOBODY = 65534
/** CAP_NET_ADMIN and CAP_NET_RAW. */
const KEPT = 0x3000n
const reason = whyNoLab()

/** Of every thread, by its field of /proc/PID/task/TID/status. */
function threads(pid: number) {
  return readdirSync(`/proc/${pid}/task`).map((id) => {
    const status = readFileSync(`/proc/${pid}/task/${id}/status`, 'utf8')
    const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)![1]!
    return {
      uid: Number(field('Uid')),
      noNewPrivs: field('NoNewPrivs'),
      bounding: BigInt(`0x${field('CapBnd')}`),
      permitted: BigInt(`0x${field('CapPrm')}`),
    }
  })
}

describe.skipIf(reason !== null)(
  `the rights of a running meter${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let lab: Lab
    let space: Namespace
    const directory = mkdtempSync(join(tmpdir(), 'tunmeter-e2e-'))
    const key = join(directory, 'key')

    beforeAll(async () => {
      lab = await Lab.create('tme9')
      space = await lab.namespace('site')
      // The other user has to get to the spool in it.
      chmodSync(directory, 0o755)
      // Root's alone: it is read before the meter becomes another user.
      writeFileSync(key, 'k', { mode: 0o600 })
    })
    afterAll(async () => {
      await lab?.close()
      rmSync(directory, { recursive: true, force: true })
    })

    async function metering(args: readonly string[], wrap: readonly string[] = []) {
      const all = [...wrap, process.execPath, CLI, 'meter', '--interface', 'lo', ...args]
      const meter = space.spawn('env', all)
      await meter.says('"metering"')
      const found = threads(meter.child.pid!)
      expect(await meter.stop()).toBe(0)
      return found
    }
    const delivering = (spool: string) => [
      ...['--to', 'http://127.0.0.1:1', '--key-file', key, '--spool', join(directory, spool)],
    ]

    test('that was started as root and became somebody else', async () => {
      const found = await metering(delivering('one'))
      expect(found.length).toBeGreaterThan(4)
      for (const thread of found) {
        expect(thread).toMatchObject({ noNewPrivs: '1', bounding: KEPT })
        expect(thread.uid).not.toBe(0)
        expect(thread.permitted & ~KEPT).toBe(0n)
      }
      expect(found.some((thread) => thread.permitted === KEPT)).toBe(true)
    })

    test('that was started as root and stays root', async () => {
      const found = await metering([...delivering('two'), '--user', 'root'])
      for (const thread of found)
        expect(thread).toEqual({ uid: 0, noNewPrivs: '1', bounding: KEPT, permitted: KEPT })
    })

    test('that was started by another user with the right to read packets', async () => {
      const found = await metering(
        ['--output', '-', '--user', 'nobody'],
        [
          ...['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'],
          ...['--inh-caps=-all,+net_raw', '--ambient-caps=+net_raw'],
        ],
      )
      for (const thread of found) {
        expect(thread).toMatchObject({ uid: NOBODY, noNewPrivs: '1' })
        expect(thread.bounding).toBe(found[0]!.bounding)
        expect(thread.permitted & ~KEPT).toBe(0n)
      }
    })
  },
)
