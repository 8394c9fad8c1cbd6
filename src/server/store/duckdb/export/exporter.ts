/** Exports as rows, CSV and Parquet, each in a slot of its own (export-slots.ts). */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Cancel, CsvPiece, ExportOptions, LogFilter, LogRow, Sort } from '../../store.js'
import { literal } from '../database.js'
import { explained } from '../errors.js'
import { withTextIds } from '../read/names.js'
import type { ExportSlots } from './export-slots.js'
import { CSV_SLICE_ROWS, exportCsv, exportQuery, exportRows, SLICE_ROWS } from './exports.js'
import { parquetQuery } from './parquet.js'

/** The prefix of directories with running exports. */
const EXPORT_DIRECTORY = 'export-'
/** Connections of a CSV export: one reads a slice while the other's is sent. */
const CSV_CONNECTIONS = 2

interface ExporterOptions {
  /** The directory for Parquet files. */
  readonly directory: string
  readonly clockUs: () => number
  /** Rows read at once; default SLICE_ROWS, or CSV_SLICE_ROWS. */
  readonly sliceRows: number | undefined
}

export class Exporter {
  readonly #slots: ExportSlots
  readonly #options: ExporterOptions

  constructor(slots: ExportSlots, options: ExporterOptions) {
    this.#slots = slots
    this.#options = options
  }

  get running(): number {
    return this.#slots.running
  }

  get waiting(): number {
    return this.#slots.waiting
  }

  async *rows(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    cancel?: Cancel,
  ): AsyncGenerator<readonly LogRow[]> {
    const slot = await this.#slots.take(orgId, 1, cancel)
    try {
      const [connection] = slot.connections
      const asked = await this.#asked(connection!, orgId, filter, sort)
      const sliceRows = this.#options.sliceRows ?? SLICE_ROWS
      yield* exportRows(connection!, { ...asked, sliceRows, alone: slot.alone })
    } catch (error) {
      throw explained(error)
    } finally {
      await slot.end()
    }
  }

  async *csv(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    options: ExportOptions = {},
  ): AsyncGenerator<CsvPiece> {
    const slot = await this.#slots.take(orgId, CSV_CONNECTIONS, options)
    try {
      const asked = await this.#asked(slot.connections[0]!, orgId, filter, sort)
      const sliceRows = this.#options.sliceRows ?? CSV_SLICE_ROWS
      const { columns } = options
      yield* exportCsv(slot.connections, { ...asked, sliceRows, alone: slot.alone, columns })
    } catch (error) {
      throw explained(error)
    } finally {
      await slot.end()
    }
  }

  async #asked(connection: DuckDBConnection, orgId: string, filter: LogFilter, sort: Sort) {
    const whole = await withTextIds(connection, orgId, filter)
    return { orgId, filter: whole, sort, nowUs: this.#options.clockUs() }
  }

  /** Writes a temporary file first, because Parquet's index is at its end. */
  async parquet(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    options: ExportOptions = {},
  ): Promise<Readable> {
    const slot = await this.#slots.take(orgId, 1, options)
    let directory = ''
    try {
      directory = mkdtempSync(join(this.#options.directory, EXPORT_DIRECTORY))
      const file = join(directory, 'sessions.parquet')
      const [connection] = slot.connections
      await slot.alone(async () => {
        const { text, values } = exportQuery(await this.#asked(connection!, orgId, filter, sort))
        await connection!.run(
          `COPY (${parquetQuery(text, options.columns)}) TO ${literal(file)} (FORMAT parquet, COMPRESSION zstd)`,
          values,
        )
      })
      await slot.endQueries()
      // `finally` removes the file's name while it is open, so its space is freed however this process ends.
      const stream = (await open(file)).createReadStream()
      return stream.once('close', () => void slot.end())
    } catch (error) {
      await slot.end()
      throw explained(error)
    } finally {
      if (directory !== '') rmSync(directory, { recursive: true, force: true })
    }
  }
}

/** Removes files of a killed server. Only this process uses the directory. */
export function removeExports(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(EXPORT_DIRECTORY)) continue
    rmSync(join(directory, name), { recursive: true, force: true })
  }
}
