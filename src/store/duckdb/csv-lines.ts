/**
 * Lines of CSV from the columns of a slice (csv.ts), as bytes.
 *
 * The text is what session/csv.ts makes of the same rows, byte for byte (a test compares them).
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { asciiBytes } from '../../byte-writer.js'
import { communityId } from '../../session/community-id.js'
import { FIELDS } from '../../session/fields.js'
import {
  CONN_STATES,
  DIRECTION_BASES,
  END_REASON_NAMES,
  PROTOCOLS,
  UNATTRIBUTED_REASONS,
} from '../../session/session.js'
import { CellWriter, cellBytes } from './cell-writer.js'
import { CSV_COLUMNS, CSV_TEXTS, type CsvSlice } from './csv.js'
import { rowsOf } from './database.js'
import { BASE32 } from './ids.js'
import type { Word } from './words.js'

/** Appends a row's cell. */
type Cell = (row: number) => void

const DIGITS32 = asciiBytes(BASE32)
const NOTHING = cellBytes(null)
const [TRUE, FALSE] = [cellBytes('true'), cellBytes('false')]

/** Cells of the catalog's names, by id. */
export interface CsvNames {
  readonly clients: ReadonlyMap<number, Uint8Array>
  readonly users: ReadonlyMap<string, Uint8Array>
  readonly resources: ReadonlyMap<number, Uint8Array>
  readonly sites: ReadonlyMap<number, Uint8Array>
}

export async function readNames(connection: DuckDBConnection, orgId: string): Promise<CsvNames> {
  const read = async <Id>(table: string, id: string) => {
    const sql = `SELECT ${id} AS id, name FROM ${table} WHERE org_id = $1`
    const rows = (await rowsOf(connection, sql, [orgId])) as unknown as { id: Id; name: string }[]
    return new Map(rows.map((row) => [row.id, cellBytes(row.name)]))
  }
  return {
    clients: await read<number>('catalog_client', 'id::DOUBLE'),
    users: await read<string>('catalog_user', 'id'),
    resources: await read<number>('catalog_resource', 'id::DOUBLE'),
    sites: await read<number>('catalog_site', 'id::DOUBLE'),
  }
}

const ENUM_WORDS: Readonly<Record<string, readonly string[]>> = {
  protocol: PROTOCOLS,
  endReason: END_REASON_NAMES,
  connState: CONN_STATES,
  directionBasis: DIRECTION_BASES,
  unattributed: UNATTRIBUTED_REASONS,
}
const BOOLEANS: Readonly<Record<string, string>> = {
  midstream: 'midstream',
  interrupted: 'is_interrupted',
}
const TEXT_COLUMNS = ['clientEndpoint', 'userId', 'meterId', 'peerPublicKey']

const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)

export class CsvLines {
  readonly #out = new CellWriter()
  readonly #names: CsvNames
  readonly #cells: readonly Cell[]
  #columns: readonly Float64Array[] = []
  #words: CsvSlice['words'] = []

  constructor(orgId: string, names: CsvNames) {
    this.#names = names
    const special = this.#specialCells(cellBytes(orgId))
    this.#cells = [...FIELDS.map((field) => field.name), 'interrupted'].map(
      (name) => special[name] ?? this.#plainCell(name),
    )
  }

  /** @param columns of a chunk of the slice whose words these are */
  write(columns: readonly Float64Array[], words: CsvSlice['words']): Uint8Array {
    this.#columns = columns
    this.#words = words
    const [out, cells] = [this.#out, this.#cells]
    for (let row = 0; row < columns[0]!.length; row++) {
      out.begin()
      for (const cell of cells) cell(row)
      out.end()
    }
    return out.take()
  }

  /** Reads a column of the chunk that is written. */
  #column(name: string): (row: number) => number {
    const at = CSV_COLUMNS.indexOf(name)
    if (at === -1) throw new RangeError(`no such column: ${name}`)
    return (row) => this.#columns[at]![row]!
  }

  #word(name: string): (row: number) => Word {
    const key = this.#column(name)
    const at = CSV_TEXTS.indexOf(name)
    return (row) => this.#words[at]!.get(key(row))
  }

  /** Cells that are their column as it is. */
  #plainCell(name: string): Cell {
    const out = this.#out
    const flag = BOOLEANS[name]
    const value = this.#column(flag ?? snake(name))
    if (flag !== undefined) return (row) => out.cell(value(row) === 0 ? FALSE : TRUE)
    const words = ENUM_WORDS[name]?.map(cellBytes)
    // NaN is an empty cell.
    if (words !== undefined)
      return (row) => {
        const code = value(row)
        if (code >= 0) out.cell(words[code]!)
        else out.empty()
      }
    if (TEXT_COLUMNS.includes(name)) {
      const word = this.#word(snake(name))
      return (row) => out.cell(word(row).cell)
    }
    return (row) => out.number(value(row))
  }

  #specialCells(orgCell: Uint8Array): Record<string, Cell> {
    const out = this.#out
    const start = this.#column('start_us')
    const duration = this.#column('duration_us')
    const isOpen = this.#column('is_open')
    const { clients, users, resources, sites } = this.#names
    const user = this.#word('user_id')
    return {
      timestamp: (row) => out.number(Math.floor(start(row) / 1e6)),
      orgId: () => out.cell(orgCell),
      startTime: (row) => out.time(start(row)),
      endTime: (row) => out.time(start(row) + duration(row)),
      duration: (row) => {
        if (isOpen(row) === 0) out.thousandths(Math.round(duration(row) / 1e3))
        else out.empty()
      },
      sourceAddr: this.#endpoint('source'),
      destAddr: this.#endpoint('dest'),
      sessionId: this.#sessionId(),
      communityId: this.#communityId(),
      clientName: this.#name(clients, 'client_id'),
      resourceName: this.#name(resources, 'site_resource_id'),
      siteName: this.#name(sites, 'site_id'),
      userName: (row) => out.cell(users.get(user(row).text ?? '') ?? NOTHING),
    }
  }

  #name(names: ReadonlyMap<number, Uint8Array>, column: string): Cell {
    const id = this.#column(column)
    return (row) => this.#out.cell(names.get(id(row)) ?? NOTHING)
  }

  #endpoint(side: 'source' | 'dest'): Cell {
    const out = this.#out
    const ip = this.#word(`${side}_ip`)
    const port = this.#column(`${side}_port`)
    return (row) => {
      const { cell, host } = ip(row)
      // Access logs that were consolidated know no source port.
      if (port(row) === 0) return out.cell(cell)
      out.part(host)
      out.number(port(row))
    }
  }

  #sessionId(): Cell {
    const run = this.#word('run')
    const sequence = this.#column('seq')
    const tail = cellBytes('00000000')
    return (row) => {
      const upper = Math.floor(sequence(row) / 2 ** 20)
      const lower = sequence(row) % 2 ** 20
      for (let i = 0; i < 4; i++) {
        tail[i] = DIGITS32[(upper >> (15 - 5 * i)) & 31]!
        tail[i + 4] = DIGITS32[(lower >> (15 - 5 * i)) & 31]!
      }
      this.#out.part(run(row).bytes)
      this.#out.cell(tail)
    }
  }

  #communityId(): Cell {
    const protocol = this.#column('protocol')
    const [sourceIp, destIp] = [this.#word('source_ip'), this.#word('dest_ip')]
    const [sourcePort, destPort] = [this.#column('source_port'), this.#column('dest_port')]
    return (row) => {
      if (sourcePort(row) === 0 || destPort(row) === 0) return this.#out.empty()
      const id = communityId({
        protocol: PROTOCOLS[protocol(row)]!,
        sourceIp: sourceIp(row).text!,
        sourcePort: sourcePort(row),
        destIp: destIp(row).text!,
        destPort: destPort(row),
      })
      this.#out.ascii(id)
    }
  }
}
