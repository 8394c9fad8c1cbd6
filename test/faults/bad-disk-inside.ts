/** Runs with bad-disk.cc between it and its disk. argv: spool directory, seed. Prints a Result. */
import { writeFileSync } from 'node:fs'
import { awaited } from './awaited.js'
import { Random } from './random.js'
import { SpoolRig } from './spool-rig.js'

const [directory = '', seed = '0'] = process.argv.slice(2)
const SYNC_MS = 700
/** Several times what may wait in memory. */
const SESSIONS_EACH = 60_000

const disk = (state: string): void => writeFileSync(process.env.BAD_DISK_STATE!, state)

disk('ok')
const rig = await SpoolRig.open(directory, new Random(Number(seed)))
await rig.meter(5_000)
disk(`slow ${SYNC_MS}`)
await rig.meter(SESSIONS_EACH)
const slow = rig.lost.spoolWriteFailed ?? 0
disk('ok')
await awaited('all is on the slow disk', () => rig.batcher.heldSessions === 0)
await rig.meter(5_000)
disk('readonly')
await rig.meter(SESSIONS_EACH)
// More than one try: what the first left behind must not be in the way of the next.
await awaited('two writes fail', () => rig.writeFailures >= 2)
const readOnly = (rig.lost.spoolWriteFailed ?? 0) - slow
disk('ok')
await rig.meter(5_000)
const result = await rig.settle()
const passed = result.passed && slow > 0 && readOnly > 0
const rssMiB = Math.round(process.resourceUsage().maxRSS / 1024)
process.stdout.write(JSON.stringify({ passed, facts: { ...result.facts, slow, readOnly, rssMiB } }))
process.exit(0)
