/** What `tunmeter doctor` says of a tunnel that is down, and of peers that it may not ask for. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../../src/cli/doctor-checks.js'
import { Lab, type Namespace } from '../support/lab.js'
import { whyNoLab } from '../support/root-only.js'
import { temporaryDirectory } from '../support/temporary.js'

const CLI = join(import.meta.dirname, '../../dist/cli.js')
const reason = whyNoLab()

describe.skipIf(reason !== null)(
  `doctor on a userspace WireGuard${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    const NAME = 'tme2-wg'
    let lab: Lab
    let space: Namespace

    beforeAll(async () => {
      lab = await Lab.create('tme2')
      space = await lab.namespace('site')
      await lab.wireguard(space, NAME, { addresses: ['10.90.0.1/24'] })
    })
    afterAll(() => lab?.close())

    async function doctor(seconds: number, ...wrap: string[]) {
      const args = ['doctor', '--interface', NAME, '--spool', temporaryDirectory(), '--json']
      const { stdout, code } = await space.run(
        'env',
        [...wrap, 'node', CLI, ...args, '--seconds', String(seconds)],
        { allow: [1] },
      )
      const { findings } = JSON.parse(stdout) as { findings: Finding[] }
      return { code, of: Object.fromEntries(findings.map((one) => [one.check, one])) }
    }

    test('up, and all may be read', async () => {
      const { code, of } = await doctor(1)
      expect(of.interface).toMatchObject({ state: 'ok', message: `${NAME}: raw IP, MTU 1420` })
      expect(of.peers).toMatchObject({ state: 'ok' })
      expect(of.reconciliation).toMatchObject({ state: 'ok' })
      expect(code).toBe(0)
    })

    test('down: a warning, and the command that brings it up', async () => {
      await space.ip(`link set ${NAME} down`)
      const { of } = await doctor(0)
      await space.ip(`link set ${NAME} up`)
      expect(of.interface).toEqual({
        check: 'interface',
        state: 'warning',
        message: `${NAME}: raw IP, MTU 1420, down`,
        todo: `ip link set ${NAME} up`,
      })
      expect(of.peers).toMatchObject({ state: 'ok' })
    })

    test('peers that only root may ask for: what to do', async () => {
      const { code, of } = await doctor(
        0,
        'setpriv',
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        '--inh-caps=-all,+net_raw',
        '--ambient-caps=+net_raw',
      )
      expect(of.privileges).toMatchObject({ state: 'warning' })
      expect(of.peers).toEqual({
        check: 'peers',
        state: 'failed',
        message: `/var/run/wireguard/${NAME}.sock: no permission to read the peers`,
        todo: 'Run as root, or as the user that owns the socket; the systemd unit with its drop-in userspace.conf (docs/wireguard.md).',
      })
      expect(code).toBe(1)
    })
  },
)
