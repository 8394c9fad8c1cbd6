/**
 * Lines of CSV from the columns of a slice (csv.ts), as bytes.
 *
 * The text is what session/csv.ts makes of the same rows, byte for byte (a test compares them).
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { communityId } from '../../session/community-id.js'
import { FIELDS } from '../../session/fields.js'
import { PROTOCOLS } from '../../session/session.js'
import { CellWriter, type Packed, packedCell } from './cell-writer.js'
import { COLUMNS, columnName } from './columns.js'
import { CSV_COLUMNS, CSV_TEXTS, type CsvSlice } from './csv.js'
import { rowsOf } from './database.js'
import type { Word } from './words.js'

/** Appends a row's cell. */
type Cell = (row: number) => void

const NOTHING = packedCell(null)
const [TRUE, FALSE] = [packedCell('true'), packedCell('false')]

/** Cells of the catalog's names, by id. */
export interface CsvNames {
  readonly clients: ReadonlyMap<number, Packed>
  readonly users: ReadonlyMap<string, Packed>
  readonly resources: ReadonlyMap<number, Packed>
  readonly sites: ReadonlyMap<number, Packed>
}

export async function readNames(connection: DuckDBConnection, orgId: string): Promise<CsvNames> {
  const read = async <Id>(table: string, id: string) => {
    const sql = `SELECT ${id} AS id, name FROM ${table} WHERE org_id = $1`
    const rows = (await rowsOf(connection, sql, [orgId])) as unknown as { id: Id; name: string }[]
    return new Map(rows.map((row) => [row.id, packedCell(row.name)]))
  }
  return {
    clients: await read<number>('catalog_client', 'id::DOUBLE'),
    users: await read<string>('catalog_user', 'id'),
    resources: await read<number>('catalog_resource', 'id::DOUBLE'),
    sites: await read<number>('catalog_site', 'id::DOUBLE'),
  }
}

const BOOLEANS: Readonly<Record<string, string>> = {
  midstream: 'midstream',
  interrupted: 'is_interrupted',
}

export class CsvLines {
  readonly #out = new CellWriter()
  readonly #names: CsvNames
  readonly #cells: readonly Cell[]
  #columns: readonly Float64Array[] = []
  #words: CsvSlice['words'] = []

  constructor(orgId: string, names: CsvNames) {
    this.#names = names
    const special = this.#specialCells(packedCell(orgId))
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
    const column = flag ?? columnName(name)
    const value = this.#column(column)
    if (flag !== undefined) return (row) => out.text(value(row) === 0 ? FALSE : TRUE)
    const { kind, words: texts } = COLUMNS.find((c) => c.name === column) ?? {}
    const words = texts?.map(packedCell)
    // NaN is an empty cell.
    if (words !== undefined)
      return (row) => {
        const code = value(row)
        if (code >= 0) out.text(words[code]!)
        else out.empty()
      }
    if (kind === 'text') {
      const word = this.#word(column)
      return (row) => out.text(word(row).cell)
    }
    return (row) => out.number(value(row))
  }

  #specialCells(orgCell: Packed): Record<string, Cell> {
    const out = this.#out
    const start = this.#column('start_us')
    const duration = this.#column('duration_us')
    const isOpen = this.#column('is_open')
    const { clients, users, resources, sites } = this.#names
    const user = this.#word('user_id')
    return {
      timestamp: (row) => out.number(Math.floor(start(row) / 1e6)),
      orgId: () => out.text(orgCell),
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
      userName: (row) => out.text(users.get(user(row).text ?? '') ?? NOTHING),
    }
  }

  #name(names: ReadonlyMap<number, Packed>, column: string): Cell {
    const id = this.#column(column)
    return (row) => this.#out.text(names.get(id(row)) ?? NOTHING)
  }

  #endpoint(side: 'source' | 'dest'): Cell {
    const out = this.#out
    const ip = this.#word(`${side}_ip`)
    const port = this.#column(`${side}_port`)
    return (row) => {
      const { cell, host } = ip(row)
      // Access logs that were consolidated know no source port.
      if (port(row) === 0) return out.text(cell)
      out.text(host)
      out.number(port(row))
    }
  }

  #sessionId(): Cell {
    const out = this.#out
    const run = this.#word('run')
    const sequence = this.#column('seq')
    return (row) => {
      out.text(run(row).packed)
      out.base32(sequence(row))
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
