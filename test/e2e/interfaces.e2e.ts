/** Interfaces that come and go: what a meter holds for them goes with them. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Lab, type LabProcess, type Namespace, until } from '../support/lab.js'
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
        await until('all are let go', () => said('it is let go').length === 4 * round)
        await until('their threads have ended', () => threads() <= before)
      }
      expect(said('it is let go').join()).not.toContain('tme7-stay')
    })

    test('the meter ends in order afterwards', async () => {
      expect(await meter.stop()).toBe(0)
    })
  },
)
