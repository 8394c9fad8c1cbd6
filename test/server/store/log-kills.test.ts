/** A store that is killed while it appends, applies, checkpoints and sums up: what it acknowledged is there, once, in its last state. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { readLogged } from '../../../src/server/ingest/logged.js'
import { DuckStore } from '../../../src/server/store/duckdb/duck-store.js'
import { sequenceOf } from '../../../src/server/store/ids.js'
import { MORE_PACKETS, PACKETS, SESSIONS_A_BATCH } from '../../support/log-sessions.js'
import { follow } from '../../support/process.js'
import { rounds } from '../../support/rounds.js'
import { ALWAYS } from '../../support/store.js'

const WORKER = fileURLToPath(new URL('../../support/log-worker.ts', import.meta.url))
const MiB = 2 ** 20
const KILLS = rounds(3, 6)

interface Acknowledged {
  readonly siteId: number
  readonly number: number
  readonly waitingBatches: number
  readonly checkpoints: number
}

interface Enough {
  readonly batches: number
  readonly checkpoints: number
}

function parsed(line: string): Acknowledged {
  const [siteId, number, waitingBatches, checkpoints] = line.split(' ').map(Number) as number[]
  return {
    siteId: siteId!,
    number: number!,
    waitingBatches: waitingBatches!,
    checkpoints: checkpoints!,
  }
}

/** Kills it when it has acknowledged so many batches, and checkpointed so often. */
async function runAndKill(directory: string, first: number, enough: Enough) {
  const child = spawn(process.execPath, ['--import', 'tsx', WORKER, directory, String(first)])
  const { output, finished } = follow(child)
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdout.on('data', () => {
    const lines = output.stdout.split('\n').slice(0, -1)
    const checkpoints = parsed(lines.at(-1) ?? '').checkpoints
    if (lines.length >= enough.batches && checkpoints >= enough.checkpoints) child.kill('SIGKILL')
  })
  const { stderr } = await finished
  expect(stderr).toBe('')
  return output.stdout.split('\n').slice(0, -1).map(parsed)
}

/** Packets of every session: one list for each id, `SITE/BATCH` for all of a batch. */
async function storedPackets(directory: string): Promise<Map<string, Map<number, number[]>>> {
  const store = await DuckStore.open({ directory, memoryBytes: 256 * MiB, threads: 1, readLogged })
  const batches = new Map<string, Map<number, number[]>>()
  const byTime = { key: 'startTime', descending: false } as const
  for await (const rows of store.rows('acme', ALWAYS, byTime)) {
    for (const { siteId, sessionId, packetsTx } of rows) {
      const sequence = sequenceOf(sessionId)
      const key = `${siteId}/${Math.floor(sequence / SESSIONS_A_BATCH)}`
      const sessions = batches.get(key) ?? new Map<number, number[]>()
      batches.set(key, sessions)
      const place = sequence % SESSIONS_A_BATCH
      sessions.set(place, [...(sessions.get(place) ?? []), packetsTx!])
    }
  }
  await store.close()
  return batches
}

/** KILLS_SEED=N repeats a run, as far as the machine lets it: when a kill strikes is its choice. */
const seed = Number(process.env.KILLS_SEED ?? Date.now() % 1000)

test(`nothing that was acknowledged is lost or doubled by a kill (KILLS_SEED=${seed})`, {
  timeout: 120_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-kills-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const all: (Acknowledged & { readonly first: number })[] = []
  let [waiting, checkpoints] = [0, 0]
  for (let kill = 0; kill < KILLS; kill++) {
    const first = 1 + Math.max(0, ...all.map((a) => a.number + 1))
    const wanted = 60 + ((seed * (kill + 7)) % 90)
    const acknowledged = await runAndKill(directory, first, {
      batches: wanted,
      // Where it is killed is left to chance but once.
      checkpoints: kill === 0 ? 1 : 0,
    })
    all.push(...acknowledged.map((a) => ({ ...a, first })))
    waiting += acknowledged.at(-1)!.waitingBatches
    checkpoints += acknowledged.at(-1)!.checkpoints
    const batches = await storedPackets(directory)
    const known = new Map(all.map((a) => [`${a.siteId}/${a.number}`, a]))
    for (const { siteId, number, first: begin } of all) {
      const packets = batches.get(`${siteId}/${number}`)
      const name = `site ${siteId}, batch ${number}, kill ${kill}`
      expect(packets?.size, name).toBe(SESSIONS_A_BATCH)
      expect(new Set([...packets!.values()].map((list) => list.length)), name).toEqual(new Set([1]))
      if (number > begin)
        expect(batches.get(`${siteId}/${number - 1}`)!.get(0), name).toEqual([MORE_PACKETS])
      expect(packets!.get(1), name).toEqual([PACKETS])
    }
    // The others were sent and not acknowledged: all of such a batch, or nothing.
    for (const [key, sessions] of batches) {
      if (!known.has(key)) expect(sessions.size, key).toBe(SESSIONS_A_BATCH)
    }
  }
  expect(waiting).toBeGreaterThan(0)
  expect(checkpoints).toBeGreaterThan(0)
})
