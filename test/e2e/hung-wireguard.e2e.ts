/** A userspace WireGuard that takes connections and never answers: the meter starts, meters and ends beside it. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UAPI_DIRECTORY } from '../../src/meter/wireguard/uapi-socket.js'
import { Lab, type LabProcess, type Namespace, until } from '../support/lab.js'
import { whyNoLab } from '../support/root-only.js'

const CLI = join(import.meta.dirname, '../../dist/cli.js')
const NAME = 'tmeh-silent'
const SOCKET = join(UAPI_DIRECTORY, `${NAME}.sock`)
const reason = whyNoLab()

describe.skipIf(reason !== null)(
  `a WireGuard that never answers${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let lab: Lab
    let space: Namespace
    let meter: LabProcess
    let silent: Server
    const asking = new Set<Socket>()
    const spool = mkdtempSync(join(tmpdir(), 'tunmeter-e2e-'))

    beforeAll(async () => {
      mkdirSync(UAPI_DIRECTORY, { recursive: true })
      rmSync(SOCKET, { force: true })
      silent = createServer((socket) => {
        asking.add(socket.on('error', () => undefined))
        socket.once('close', () => asking.delete(socket)).resume()
      })
      await new Promise<void>((resolve) => silent.listen(SOCKET, resolve))
      lab = await Lab.create('tmeh')
      space = await lab.namespace('site')
      await space.run('ip', ['tuntap', 'add', NAME, 'mode', 'tun'])
      await space.ip(`link set ${NAME} up`)
      const args = ['--interface', NAME, '--to', 'http://127.0.0.1:1', '--user', 'root']
      meter = space.spawn('node', [CLI, 'meter', ...args, '--spool', spool], {
        TUNMETER_KEY: 'k',
      })
    })
    afterAll(async () => {
      for (const socket of asking) socket.destroy()
      silent?.close()
      await lab?.close()
      rmSync(SOCKET, { force: true })
      rmSync(spool, { recursive: true, force: true })
    })

    test('it meters before the first question has failed', async () => {
      await meter.says(`${SOCKET} does not answer`)
      const [metering, failed] = ['"metering"', 'does not answer'].map((words) =>
        meter.stderr.indexOf(words),
      )
      expect(metering, meter.stderr).toBeGreaterThanOrEqual(0)
      expect(metering, meter.stderr).toBeLessThan(failed!)
    })

    test('it ends while a question hangs', async () => {
      await until('it asks again', () => asking.size > 0)
      expect(await meter.stop(), meter.stderr).toBe(0)
      expect(meter.stderr).not.toContain('was not waited for')
    })
  },
)
