/**
 * A store that is killed in the middle of a retention run, an erasure, a backup, an export: the next one has what was
 * acknowledged, once; its retention goes on where it was, and sums and monthly totals are those of the sessions.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { readLogged } from '../../../src/server/ingest/logged.js'
import { DuckStore } from '../../../src/server/store/duckdb/duck-store.js'
import { sequenceOf } from '../../../src/server/store/ids.js'
import {
  CUT_US,
  MORE_PACKETS,
  NOW_US,
  ORG,
  PACKETS,
  PHASES,
  type Phase,
  SESSIONS_A_BATCH,
  SITES,
  type SiteId,
} from '../../support/busy-store.js'
import { follow } from '../../support/process.js'
import { rounds } from '../../support/rounds.js'
import { ALWAYS } from '../../support/store.js'

const WORKER = fileURLToPath(new URL('../../support/busy-worker.ts', import.meta.url))
const MiB = 2 ** 20
const KILLS = rounds(3, 10)
/** By then the worker has done each thing once or is in the middle of it; a kill comes at a moment within as much again. */
const WITHIN_MS = 400

/** BUSY_SEED=N repeats a run, as far as the machine lets it: when a kill strikes is its choice. */
const seed = Number(process.env.BUSY_SEED ?? Date.now() % 1000)

interface Known {
  /** The last that was acknowledged, and what site 3 had sent before an erasure that ended. */
  readonly acknowledged: Map<SiteId, number>
  erased: number
}

/** Kills it in a phase, when every site has had a batch acknowledged in this life. */
async function runAndKill(directory: string, known: Known, phase: Phase, afterMs: number) {
  const firsts = SITES.map((siteId) => String((known.acknowledged.get(siteId) ?? 0) + 1))
  const child = spawn(process.execPath, ['--import', 'tsx', WORKER, directory, ...firsts])
  const { output, finished } = follow(child)
  onTestFinished(() => void child.kill('SIGKILL'))
  const linesNow = () => output.stdout.split('\n').slice(0, -1)
  const begins = (line: string) => line === `p ${phase}`
  await new Promise<void>((resolve) => {
    void finished.then(() => resolve())
    child.stdout.on('data', () => {
      const lines = linesNow()
      const isIn =
        lines.findLastIndex(begins) > lines.findLastIndex((l) => l.startsWith(`e ${phase} `))
      const heard = new Set(lines.filter((l) => l.startsWith('a ')).map((l) => l.split(' ')[1]))
      if (isIn && heard.size === SITES.length && lines.filter(begins).length > 1) resolve()
    })
  })
  await sleep(afterMs)
  child.kill('SIGKILL')
  const { stderr } = await finished
  expect(stderr).toBe('')
  for (const line of linesNow()) {
    const [what, of, number] = line.split(' ')
    if (what === 'a') known.acknowledged.set(Number(of) as SiteId, Number(number))
    if (what === 'e' && of === 'erase') known.erased = Math.max(known.erased, Number(number))
  }
}

function open(directory: string): Promise<DuckStore> {
  return DuckStore.open({
    ...{ directory, memoryBytes: 256 * MiB, threads: 1, readLogged, rollRows: 300 },
    clockUs: () => NOW_US,
    // A killed one may have left much in its log: what is asked for is asked of all of it.
    readWaitMs: 300_000,
  })
}

/** Packets of each session of a site, by its sequence. */
async function packetsOf(store: DuckStore, siteId: SiteId): Promise<Map<number, number[]>> {
  const found = new Map<number, number[]>()
  const byTime = { key: 'startTime', descending: false } as const
  for await (const rows of store.rows(ORG, { ...ALWAYS, siteIds: [siteId] }, byTime))
    for (const { sessionId, packetsTx } of rows) {
      const sequence = sequenceOf(sessionId)
      found.set(sequence, [...(found.get(sequence) ?? []), packetsTx!])
    }
  return found
}

async function checkSessions(store: DuckStore, known: Known, name: string): Promise<void> {
  const today = await packetsOf(store, 1)
  const last = known.acknowledged.get(1)!
  const each = SESSIONS_A_BATCH[1]
  const wrong: string[] = []
  for (let sequence = each; sequence < (last + 1) * each; sequence++) {
    const isRevised = sequence % each === 0 && sequence < last * each
    const wanted = isRevised ? [MORE_PACKETS] : [PACKETS, MORE_PACKETS]
    const found = today.get(sequence) ?? []
    if (found.length !== 1 || !wanted.includes(found[0]!)) wrong.push(`${sequence}: ${found}`)
  }
  const ofPerson = await packetsOf(store, 3)
  const firstLeft = known.erased === 0 ? 0 : (known.erased + 1) * SESSIONS_A_BATCH[3]
  for (const [sequence, packets] of [...today, ...ofPerson])
    if (packets.length !== 1) wrong.push(`${sequence}: ${packets}`)
  for (const sequence of ofPerson.keys())
    if (sequence < firstLeft) wrong.push(`${sequence}: erased`)
  expect(wrong, name).toEqual([])
}

/** Totals of the months have what was deleted: no session is missing or counted twice. */
async function checkTotals(store: DuckStore, known: Known, name: string): Promise<void> {
  const months = await store.usage(ORG, {
    fromMonth: '2026-01',
    toMonth: '2026-12',
    groupBy: 'site',
  })
  const of = (siteId: SiteId) =>
    months.filter(({ id }) => id === String(siteId)).reduce((sum, row) => sum + row.sessions, 0)
  for (const siteId of [1, 2, 3] as const) {
    const batches = of(siteId) / SESSIONS_A_BATCH[siteId]
    const last = known.acknowledged.get(siteId)!
    // One more may be in the log, whose acknowledgement was cut off.
    expect([last, last + 1], `${name}: usage of site ${siteId}`).toContain(batches)
  }
  const request = {
    filter: ALWAYS,
    groupBy: 'site',
    interval: null,
    top: 10,
    sort: 'sessions',
  } as const
  for (const { id, sessions } of (await store.summary(ORG, request)).groups) {
    const rows = await packetsOf(store, Number(id) as SiteId)
    expect(rows.size, `${name}: sums of site ${id}`).toBe(sessions)
  }
}

test(`a store that is killed in the middle of everything goes on with it (BUSY_SEED=${seed})`, {
  timeout: 600_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-busy-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const known: Known = { acknowledged: new Map(), erased: 0 }
  let goneOn = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const phase = PHASES[kill % PHASES.length]!
    const name = `kill ${kill}, ${phase}`
    await runAndKill(directory, known, phase, (seed * (kill + 7) * 37) % WITHIN_MS)
    const store = await open(directory)
    await checkSessions(store, known, name)
    const due = { ...ALWAYS, siteIds: [2, 4], toUs: CUT_US }
    const waiting = await store.count(ORG, due)
    expect(await store.expire(ORG, CUT_US), name).toBe(waiting)
    expect(await store.count(ORG, due), name).toBe(0)
    goneOn += waiting
    await checkTotals(store, known, name)
    await store.close()
  }
  expect(goneOn).toBeGreaterThan(0)
})
