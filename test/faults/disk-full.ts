/**
 * (e) the spool's disk fills up while the server is away, is full of other things for a while, and has room again.
 * Afterwards what the server got and what the gaps say must be what was metered, to the session.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from './random.js'
import type { Result } from './scenarios.js'
import { SpoolRig } from './spool-rig.js'

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
    const rig = await SpoolRig.open(join(disk, 'spool'), random)
    await rig.meter(SESSIONS_EACH)
    // Now other things take all that is left: nothing can be written any more.
    const other = join(disk, 'other')
    try {
      writeFileSync(other, Buffer.alloc(OTHER_BYTES, 1))
    } catch {}
    await rig.meter(SESSIONS_EACH)
    rmSync(other)
    await rig.meter(10_000)
    const result = await rig.settle()
    return { ...result, passed: result.passed && (rig.lost.diskFull ?? 0) > 0 }
  } finally {
    execFileSync('umount', ['-l', disk])
  }
}
