/**
 * (d) the power goes. A workload's writes are recorded in order (write-log.cc); the files are rebuilt as a disk may
 * hold them at a cut after any write: what was synced is there, of what was not any part may be, torn at sectors.
 * Then the spool is opened, and everything that had been promised must be in it.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SpoolInspector as Inspector } from '../../src/meter/spool/inspect.js'
import type { openSpool as OpenSpool } from '../../src/meter/spool/open.js'
import type { Random } from './random.js'
import type { Result } from './scenarios.js'

const HERE = fileURLToPath(new URL('./', import.meta.url))
const SECTOR = 512
const HEADER = 24

interface Write {
  readonly op: string
  readonly durable: boolean
  readonly path: string
  readonly offset: number
  readonly data: Buffer
}

/** The built ones: their helper process starts many times faster. */
const dist = (path: string): string =>
  new URL(`../../dist/meter/spool/${path}`, import.meta.url).href
const { openSpool } = (await import(dist('open.js'))) as { openSpool: typeof OpenSpool }
const { SpoolInspector } = (await import(dist('inspect.js'))) as {
  SpoolInspector: typeof Inspector
}

export async function powerCut(directory: string, random: Random, cuts: number): Promise<Result> {
  const live = join(directory, 'live')
  const log = join(directory, 'writes')
  mkdirSync(live)
  const library = join(directory, 'write-log.so')
  execFileSync('g++', [
    '-std=c++20',
    '-O1',
    '-shared',
    '-fPIC',
    '-o',
    library,
    `${HERE}write-log.cc`,
    '-ldl',
  ])
  const seed = Math.floor(random.next() * 2 ** 32)
  execFileSync(
    process.execPath,
    ['--import', 'tsx', `${HERE}power-cut-workload.ts`, live, String(seed), '80'],
    { env: { ...process.env, LD_PRELOAD: library, WRITE_LOG: log, WRITE_LOG_DIR: live } },
  )
  const writes = parseLog(readFileSync(log))
  const counts = {
    writes: writes.length,
    cuts: 0,
    promised: 0,
    kept: 0,
    lost: 0,
    reused: 0,
    back: 0,
    damaged: 0,
  }
  for (let i = 0; i < cuts; i++) {
    const at = Math.floor(random.between(1, writes.length + 1))
    const image = join(directory, 'image')
    rmSync(image, { recursive: true, force: true })
    mkdirSync(image)
    const promises = rebuild(writes.slice(0, at), live, image, random)
    await check(image, promises, counts)
    counts.cuts++
  }
  const { lost, reused, back, damaged } = counts
  return { passed: lost + reused + back + damaged === 0 && counts.kept > 0, facts: counts }
}

function parseLog(bytes: Buffer): Write[] {
  const writes: Write[] = []
  for (let at = 0; at < bytes.length; ) {
    const pathLength = bytes.readUInt32LE(at + 4)
    const length = Number(bytes.readBigUInt64LE(at + 16))
    const dataAt = at + HEADER + pathLength
    writes.push({
      op: String.fromCharCode(bytes[at]!),
      durable: bytes[at + 1] === 1,
      offset: Number(bytes.readBigUInt64LE(at + 8)),
      path: bytes.toString('utf8', at + HEADER, dataAt),
      data: bytes.subarray(dataAt, dataAt + length),
    })
    at = dataAt + length
  }
  return writes
}

interface Promises {
  readonly appending: Set<number>
  readonly appended: Set<number>
  readonly confirming: Set<number>
  readonly confirmed: Set<number>
}

/** Writes the files below `image`; returns what the workload had been promised by then. */
function rebuild(writes: readonly Write[], live: string, image: string, random: Random): Promises {
  let acks = ''
  const content = new Map<string, Buffer>()
  const pending = new Map<string, Write[]>()
  for (const write of writes) {
    const { path } = write
    if (path.endsWith('/acks')) acks += write.data.toString()
    else if (write.op === 'r') content.set(path, write.data)
    else if (write.op === 's') {
      for (const earlier of pending.get(path) ?? []) apply(content, earlier)
      pending.delete(path)
    } else if (write.durable) apply(content, write)
    else pending.set(path, [...(pending.get(path) ?? []), write])
  }
  for (const unsynced of pending.values()) {
    for (const write of unsynced) if (random.next() < 0.5) apply(content, torn(write, random))
  }
  for (const [path, bytes] of content) {
    if (path.endsWith('.mdb') || path.endsWith('meter.json'))
      writeFileSync(path.replace(live, image), bytes)
  }
  return promisesOf(acks)
}

/** Any of its sectors, or all. */
function torn(write: Write, random: Random): Write {
  if (write.op !== 'w' || random.next() < 0.5) return write
  const length = SECTOR * Math.floor((random.next() * write.data.length) / SECTOR)
  return { ...write, data: write.data.subarray(0, length) }
}

function apply(content: Map<string, Buffer>, write: Write): void {
  const before = content.get(write.path) ?? Buffer.alloc(0)
  if (write.op === 't') {
    const cut = Buffer.alloc(write.offset)
    before.copy(cut)
    content.set(write.path, cut)
    return
  }
  const end = write.offset + write.data.length
  const after =
    end > before.length ? Buffer.concat([before, Buffer.alloc(end - before.length)]) : before
  write.data.copy(after, write.offset)
  content.set(write.path, after)
}

function promisesOf(acks: string): Promises {
  const of = (what: string): Set<number> =>
    new Set([...acks.matchAll(new RegExp(`^${what} (\\d+)$`, 'gm'))].map((m) => Number(m[1])))
  return {
    appending: of('appending'),
    appended: of('appended'),
    confirming: of('confirming'),
    confirmed: of('confirmed'),
  }
}

async function check(
  image: string,
  promises: Promises,
  counts: {
    promised: number
    kept: number
    lost: number
    reused: number
    back: number
    damaged: number
  },
): Promise<void> {
  const limits = { bytesMax: 2 ** 26, quarantineBytesMax: 2 ** 22 }
  const spool = await openSpool({ directory: image, ...limits, onDamage: () => counts.damaged++ })
  const present = new Set<number>()
  for (let batch = await spool.next(); batch !== null; batch = await spool.next()) {
    if (Buffer.from(batch.body).readUInt32LE(0) !== batch.number) counts.damaged++
    present.add(batch.number)
  }
  const used = Math.max(0, ...promises.appending)
  if (promises.appended.has(used) && spool.nextBatch <= used) counts.reused++
  await spool.close()
  const inspector = SpoolInspector.open(image)
  for (const { number } of inspector.quarantined()) {
    if (Buffer.from(inspector.read(number).body).readUInt32LE(0) !== number) counts.damaged++
    present.add(number)
  }
  await inspector.close()
  const wanted = [...promises.appended].filter((n) => !promises.confirming.has(n))
  const missing = wanted.filter((n) => !present.has(n)).length
  counts.promised += wanted.length
  counts.kept += wanted.length - missing
  counts.lost += missing
  counts.back += [...promises.confirmed].filter((n) => present.has(n)).length
}
