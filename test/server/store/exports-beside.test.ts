/**
 * Exports and pages beside everything that changes the log, against its history (support/log-history.ts).
 *
 * Random in what is asked and changed; when depends on the machine, so a seed (printed when it fails; EXPORTS_SEED=N
 * gives it) repeats the former alone.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { readLogged } from '../../../src/server/ingest/logged.js'
import { LOG_FIELDS } from '../../../src/server/query/api-row.js'
import { DuckStore } from '../../../src/server/store/duckdb/duck-store.js'
import type { LogFilter, LogRow, Position, Sort, Store } from '../../../src/server/store/store.js'
import { Random } from '../../faults/random.js'
import { ChangingLog, CLIENTS, ORG } from '../../support/changing-log.js'
import { matcher, placeBy, type Version } from '../../support/log-history.js'
import { ALWAYS, TestStore } from '../../support/store.js'
import { temporaryDirectory } from '../../support/temporary.js'
import { until } from '../../support/until.js'

/** So small that an export is many, and that two crowds of the log are too many for one. */
const SLICE_ROWS = 300
/** So small that the log is folded every few batches. */
const WAL_BYTES = 256 * 1024
const EXPORTS = 4
const READERS = 3
const PAGINGS = 4
const BACKUPS = 2
const CHECKPOINTS_MIN = 2
/** Batches that are acknowledged and not in the database, before the next come. */
const BEHIND_MAX = 3
/** Changes before the next of what a server does now and then. */
const OTHERS_EVERY = 4
const FORMATS = ['csv', 'ndjson', 'parquet'] as const
const SORT_KEYS = ['startTime', 'startTime', 'duration', 'bytes'] as const

const seed = Number(process.env.EXPORTS_SEED ?? Math.floor(Math.random() * 2 ** 32))

test(`exports, pages and backups beside all that changes the log (EXPORTS_SEED=${seed})`, {
  timeout: 120_000,
}, async () => {
  const store = await TestStore.open(500, {
    sliceRows: SLICE_ROWS,
    walBytes: WAL_BYTES,
    threads: 2,
    // What is compared is what is read, however slow the machine.
    readWaitMs: Number.POSITIVE_INFINITY,
  })
  try {
    await new Beside(store).run()
  } finally {
    await store.close()
  }
})

/** One of what the store gives, with what it is to be compared by. */
interface Wanted {
  readonly filter: LogFilter
  readonly sort: Sort
}

class Beside {
  readonly #store: Store
  readonly #log: ChangingLog
  readonly #random = new Random(seed)
  readonly #directory = temporaryDirectory()
  readonly #backups: { directory: string; from: number; to: number }[] = []
  #reading = true
  #othersRun = true
  /** Changes that began and ended while exports ran. */
  #changes = 0
  #deleted = 0

  constructor(test: TestStore) {
    this.#store = test.store
    this.#log = new ChangingLog(test, new Random(seed + 1))
  }

  async run(): Promise<void> {
    await this.#log.fill()
    await this.#log.rename()
    const reading = Promise.all([
      ...Array.from({ length: READERS }, () => this.#exportSome()),
      this.#pageSome(),
      this.#backupSome(),
    ]).finally(() => {
      this.#reading = false
    })
    const others = this.#doOthers().finally(() => {
      this.#othersRun = false
    })
    await Promise.all([reading, others, this.#ingest()])
    await this.#export('csv', { filter: ALWAYS, sort: { key: 'startTime', descending: false } })
    for (const backup of this.#backups) await this.#checkBackup(backup)
    expect(this.#changes).toBeGreaterThan(EXPORTS)
    expect(this.#deleted).toBeGreaterThan(0)
  }

  async #ingest(): Promise<void> {
    const checkpoints = () => this.#store.stats().checkpoints!
    while (this.#reading || this.#othersRun || checkpoints() < CHECKPOINTS_MIN) {
      await this.#log.ingest()
      // Else acknowledging, which needs the log alone, takes all of this process's time.
      await until(() => this.#store.stats().waitingBatches! <= BEHIND_MAX)
    }
  }

  async #doOthers(): Promise<void> {
    const others = [
      async () => {
        this.#deleted += await this.#log.expire()
      },
      () => this.#log.rename(),
      () => this.#store.closeInterrupted(),
    ]
    for (let i = 0; this.#reading || this.#deleted === 0; i++) {
      for (let changes = 0; changes < OTHERS_EVERY; changes++) await this.#log.nextChange()
      await others[i % others.length]!()
    }
  }

  async #exportSome(): Promise<void> {
    for (let i = 0; i < EXPORTS; i++) await this.#export(this.#one(FORMATS), this.#wanted())
  }

  async #export(format: (typeof FORMATS)[number], { filter, sort }: Wanted): Promise<void> {
    const { history } = this.#log
    const from = history.now
    const { rows, firstAt } = await this.#read(format, filter, sort)
    // Only what was read at once is of the beginning.
    const oneMoment = format === 'parquet' || sort.key !== 'startTime'
    const to = oneMoment ? firstAt : history.now
    this.#changes += history.now - from
    const read = {
      rows,
      from,
      to,
      matches: matcher(filter),
      oneMoment,
      place: placeBy('startTime'),
    }
    const what = `${format} ${JSON.stringify({ filter, sort })}`
    expect([what, history.faultsOf(read).slice(0, 5)]).toEqual([what, []])
    expect([what, misplaced(rows, sort)]).toEqual([what, 0])
  }

  /** As somebody who takes his time. */
  async #read(format: (typeof FORMATS)[number], filter: LogFilter, sort: Sort) {
    let firstAt: number | undefined
    const came = async () => {
      firstAt ??= this.#log.history.now
      if (this.#reading && this.#random.next() < 0.5) await this.#log.nextChange()
    }
    const rows: Version[] = []
    if (format === 'parquet') {
      const stream = await this.#store.parquet(ORG, filter, sort)
      await came()
      const file = join(this.#directory, `${Math.floor(this.#random.next() * 1e9)}.parquet`)
      await writeFile(file, stream)
      rows.push(...(await rowsOfParquet(file)))
    } else if (format === 'csv') {
      for await (const piece of this.#store.csv(ORG, filter, sort)) {
        await came()
        rows.push(...rowsOfCsv(Buffer.from(piece.text).toString('utf8')))
      }
    } else {
      for await (const some of this.#store.rows(ORG, filter, sort)) {
        await came()
        rows.push(...some.map(rowOf))
      }
    }
    await came()
    return { rows, firstAt: firstAt! }
  }

  async #pageSome(): Promise<void> {
    const { history } = this.#log
    for (let i = 0; i < PAGINGS; i++) {
      const { filter, sort } = this.#wanted()
      const limit = 200 + Math.floor(this.#random.next() * 600)
      const from = history.now
      const rows: Version[] = []
      let after: Position | null = null
      do {
        const began = history.now
        const page = await this.#store.page(ORG, {
          filter,
          sort,
          limit,
          offset: 0,
          ...(after !== null && { after }),
        })
        const some = page.rows.map(rowOf)
        const read = { rows: some, matches: matcher(filter), from: began, to: history.now }
        const wrong = history.faultsOf({ ...read, oneMoment: false, place: () => Number.NaN })
        expect(wrong.filter((fault) => !fault.includes('missing'))).toEqual([])
        rows.push(...some)
        after = page.next
        if (this.#random.next() < 0.5) await this.#log.nextChange()
      } while (after !== null)
      const place = placeBy(sort.key)
      const read = { matches: matcher(filter), from, to: history.now, oneMoment: false, place }
      // A row that moves behind the cursor, since it grows, comes again.
      const last = new Map(rows.map((row) => [row.id, row]))
      if (sort.key === 'startTime') expect(last.size).toBe(rows.length)
      const what = JSON.stringify({ filter, sort, limit })
      const faults = history.faultsOf({ ...read, rows: [...last.values()] })
      expect([what, faults]).toEqual([what, []])
    }
  }

  async #backupSome(): Promise<void> {
    const { history } = this.#log
    for (let i = 0; i < BACKUPS; i++) {
      for (let changes = 0; changes < 5; changes++) await this.#log.nextChange()
      const directory = join(this.#directory, `backup ${i}`)
      const from = history.now
      await this.#store.backup(directory)
      this.#backups.push({ directory, from, to: history.now })
    }
  }

  async #checkBackup({ directory, from, to }: { directory: string; from: number; to: number }) {
    const memoryBytes = 256 * 2 ** 20
    const clockUs = () => this.#log.nowUs
    const store = await DuckStore.open({ directory, memoryBytes, threads: 1, readLogged, clockUs })
    try {
      const rows: Version[] = []
      const sort = { key: 'startTime', descending: true } as const
      for await (const some of store.rows(ORG, ALWAYS, sort)) rows.push(...some.map(rowOf))
      const read = { rows, from, to, matches: () => true, oneMoment: true, place: () => 0 }
      expect(this.#log.history.faultsOf(read).slice(0, 5)).toEqual([])
      // By the hour and by rows.
      const request = { groupBy: null, interval: null, top: 1, sort: 'bytes' } as const
      const { totals } = await store.summary(ORG, { ...request, filter: ALWAYS })
      expect([totals.sessions, totals.bytesTx]).toEqual([
        rows.length,
        rows.reduce((sum, row) => sum + row.bytes, 0),
      ])
    } finally {
      await store.close()
    }
  }

  #wanted(): Wanted {
    const hours = () => this.#log.beginUs + Math.floor(this.#random.next() * 6 * 3600e6)
    const [fromUs, toUs] = [hours(), hours()].sort((a, b) => a - b) as [number, number]
    const maybe = <T extends object>(value: T) => (this.#random.next() < 0.25 ? value : {})
    const filter: LogFilter = {
      ...ALWAYS,
      ...maybe({ fromUs, toUs }),
      ...maybe({ clientIds: [this.#one(CLIENTS), this.#one(CLIENTS)] }),
      ...maybe({ siteIds: [this.#one([1, 2, 3])] }),
      ...maybe({ minBytes: Math.floor(this.#random.next() * 1e6) }),
      ...maybe({ state: this.#one(['open', 'ended', 'interrupted'] as const) }),
    }
    const sort = { key: this.#one(SORT_KEYS), descending: this.#random.next() < 0.5 }
    return { filter, sort }
  }

  #one<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random.next() * of.length)]!
  }
}

type Fields = Readonly<Record<string, unknown>>

/** @param read of a field's name, what the format has */
function readRow(read: Fields): Version {
  const number = (name: string) => Number(read[name])
  const startUs = number('startUs')
  return {
    id: read.sessionId as string,
    siteId: number('siteId'),
    startUs,
    endUs: number('endUs'),
    clientId: read.clientId === null ? null : number('clientId'),
    bytes: number('bytesTx'),
    packets: number('packetsTx'),
    state: read.duration === null ? 'open' : read.interrupted === true ? 'interrupted' : 'ended',
  }
}

function rowOf(row: LogRow): Version {
  const duration = row.open ? null : 0
  return readRow({ ...row, startUs: row.startTimeUs, endUs: row.endTimeUs, duration })
}

/** No cell of this log needs quotes. */
function rowsOfCsv(text: string): Version[] {
  return text
    .split('\r\n')
    .slice(0, -1)
    .map((line) => {
      const cells = line.split(',')
      const read = Object.fromEntries(
        LOG_FIELDS.map(({ name }, i) => [name, cells[i] === '' ? null : cells[i]]),
      )
      const [startUs, endUs] = [read.startTime, read.endTime].map((iso) => microseconds(iso!))
      return readRow({ ...read, interrupted: read.interrupted === 'true', startUs, endUs })
    })
}

/** `2026-11-22T12:00:00.123456Z` */
function microseconds(iso: string): number {
  const [seconds, fraction] = iso.slice(0, -1).split('.') as [string, string]
  return Date.parse(`${seconds}Z`) * 1e3 + Number(fraction)
}

async function rowsOfParquet(file: string): Promise<Version[]> {
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  const read = await connection.runAndReadAll(
    `SELECT *, epoch_us("startTime") AS "startUs", epoch_us("endTime") AS "endUs" FROM '${file}'`,
  )
  connection.closeSync()
  instance.closeSync()
  return read.getRowObjects().map(readRow)
}

function misplaced(rows: readonly Version[], { key, descending }: Sort): number {
  const place = placeBy(key)
  const sign = descending ? -1 : 1
  return rows.filter((row, i) => {
    const before = rows[i - 1]
    if (before === undefined) return false
    return sign * (place(before) - place(row) || (before.id < row.id ? -1 : 1)) > 0
  }).length
}
