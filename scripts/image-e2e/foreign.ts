/**
 * Runs the arm64 images with runc under qemu-user (package qemu-user-static). It has no packet
 * sockets, so the meter's image replays a capture in place of metering an interface.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../release/run.ts'
import { ROOT } from '../release/stage.ts'
import { type Bundle, remove, serviceOf, unpack } from './container.ts'
import {
  archiveOf,
  begin,
  COMPOSE,
  check,
  end,
  FOREIGN_PATIENCE_MS,
  keysOf,
  logOf,
  ready,
  SPACE,
  until,
  volume,
  work,
} from './harness.ts'

const KERNEL = '/proc/sys/fs/binfmt_misc'
const HANDLER = `${KERNEL}/qemu-aarch64`

/** Lets the kernel start arm64 programs, also in containers, while `action` runs. */
async function emulated(action: () => Promise<void>): Promise<void> {
  const isThere = existsSync(HANDLER)
  if (!isThere)
    writeFileSync(`${KERNEL}/register`, readFileSync('/usr/lib/binfmt.d/qemu-aarch64.conf'))
  try {
    await action()
  } finally {
    if (!isThere) writeFileSync(HANDLER, '-1')
  }
}

/** @param began when unpacking of the images began */
async function serverAndReplay(
  network: number,
  meter: Bundle,
  server: Bundle,
  began: number,
): Promise<void> {
  const folder = volume('meter-arm64')
  copyFileSync(join(ROOT, 'fixtures/demo/site.pcap'), join(folder, 'site.pcap'))
  const place = {
    network,
    work,
    volumes: { tunmeter: folder, 'tunmeter-server': volume('server-arm64') },
  }
  const running = begin(
    `${SPACE}-server-arm64`,
    server,
    serviceOf(join(COMPOSE, 'server.yaml'), {}),
    place,
  )
  await ready(running, FOREIGN_PATIENCE_MS)
  const { admin, ingest } = keysOf(running)
  const env = { TUNMETER_TO: 'http://127.0.0.1:8480', TUNMETER_KEY: ingest }
  const command = ['replay', '/var/lib/tunmeter/site.pcap']
  const replay = begin(
    `${SPACE}-replay-arm64`,
    meter,
    { ...serviceOf(join(COMPOSE, 'wg-easy.yaml'), env), command },
    place,
  )
  const state = () => run('runc', ['state', replay.name])
  await until(
    'arm64: the replay ends',
    () => /"status": "stopped"/.test(state()),
    () => readFileSync(replay.log, 'utf8'),
    FOREIGN_PATIENCE_MS,
  )
  remove(replay.name)
  const log = logOf(running, admin, '--from', '2020-01-01')
  check('arm64: its sessions are in the server’s log', log.includes('"sourceAddr"'), log)
  const seconds = ((Date.now() - began) / 1e3).toFixed(1)
  console.log(`image, arm64 under qemu-user: ${seconds} s from nothing to the first stored session`)
  await end(running)
}

export async function foreign(
  network: number,
  inspect: (kind: string, architecture: string, bundle: Bundle) => void,
): Promise<void> {
  const began = Date.now()
  const meter = unpack(archiveOf('meter', 'arm64'), join(work, 'meter-arm64'))
  const server = unpack(archiveOf('server', 'arm64'), join(work, 'server-arm64'))
  await emulated(() => serverAndReplay(network, meter, server, began))
  inspect('meter', 'arm64', meter)
  inspect('server', 'arm64', server)
}
