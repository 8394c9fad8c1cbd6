/**
 * (e) the spool's disk fills up while the server is away, is full of other things for a while, and has room again.
 * Afterwards what the server got and what the gaps say must be what was metered, to the session.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Connection } from '../../src/ship/connection.js'
import { Shipper } from '../../src/ship/shipper.js'
import { Batcher } from '../../src/spool/batcher.js'
import { openSpool } from '../../src/spool/open.js'
import { FakeServer } from '../support/fake-server.js'
import { aSession } from '../support/sessions.js'
import { REPORT } from '../support/spools.js'
import type { Random } from './random.js'
import type { Result } from './run.js'

const DISK = '14m'
const OTHER_BYTES = 32 * 1024 * 1024
const SESSIONS_EACH = 100_000

export async function diskFull(directory: string, random: Random): Promise<Result> {
  if (process.geteuid?.() !== 0) {
    return { passed: false, skipped: 'needs root to mount a small disk', facts: {} }
  }
  const disk = join(directory, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', disk])
  try {
    return await fillAndDrain(disk, random)
  } finally {
    execFileSync('umount', ['-l', disk])
  }
}

async function fillAndDrain(disk: string, random: Random): Promise<Result> {
  const server = await new FakeServer().listen()
  let lost = 0
  const spool = await openSpool({
    directory: join(disk, 'spool'),
    // Far above the disk: the disk is the bound.
    bytesMax: 2 ** 30,
    asideBytesMax: 2 ** 27,
    onLoss: (gap) => {
      lost += gap.sessions
    },
  })
  let troubles = 0
  const batcher = new Batcher({
    spool,
    report: () => REPORT,
    ageMs: 100,
    // Small, so that the third bound is met too.
    heldBytesMax: 8 * 2 ** 20,
    onTrouble: (message) => {
      if (message !== null) troubles++
    },
  })
  let metered = 0
  const meter = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const noise = String(random.next()) + String(random.next())
      batcher.add(aSession({ sessionId: String(metered++).padStart(26, '0'), userId: noise }))
      if (i % 5_000 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  await meter(SESSIONS_EACH)
  // Now other things take all that is left: nothing can be written any more.
  const other = join(disk, 'other')
  try {
    writeFileSync(other, Buffer.alloc(OTHER_BYTES, 1))
  } catch {}
  await meter(SESSIONS_EACH)
  rmSync(other)
  await meter(10_000)
  await batcher.flush()
  const shipper = new Shipper({
    spool,
    connection: await Connection.open({ url: server.url, key: 'k' }),
  })
  shipper.start()
  await shipper.drained(new AbortController().signal)
  // One more batch carries the gaps that are still pending.
  batcher.beat()
  await batcher.flush()
  await shipper.drained(new AbortController().signal)
  await shipper.stop()
  await spool.close()
  server.close()
  const batches = [...server.stored.values()]
  const ids = batches.flatMap((b) => b.sessions.map((s) => s.sessionId))
  const reported = batches.flatMap((b) => b.gaps).reduce((sum, gap) => sum + gap.sessions, 0)
  const stored = new Set(ids).size
  return {
    passed: stored === ids.length && stored + reported === metered && reported === lost && lost > 0,
    facts: { metered, stored, duplicated: ids.length - stored, counted: lost, reported, troubles },
  }
}
