/** The lines that C++ makes of DuckDB's memory, against what JavaScript makes of the same values. */
import { readFileSync } from 'node:fs'
import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBValue,
} from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  csvAddon,
  type NativeCell,
  type NativeType,
} from '../../../src/server/store/duckdb/export/csv-addon.js'
import {
  checkLayout,
  layoutChunk,
  layoutFault,
  linesOfChunk,
} from '../../../src/server/store/duckdb/export/csv-layout.js'
import { sessionIdOf } from '../../../src/server/store/ids.js'
import { communityId } from '../../../src/session/community-id.js'
import { CSV_LINE_END, csvCell } from '../../../src/session/csv.js'
import { isoUs } from '../../../src/session/fields.js'
import { formatEndpoint, PROTOCOLS } from '../../../src/session/session.js'

const COLUMNS: readonly (readonly [name: string, sqlType: string, type: NativeType])[] = [
  ['big', 'BIGINT', 'int64'],
  ['start', 'BIGINT', 'int64'],
  ['lasted', 'BIGINT', 'int64'],
  ['sequence', 'BIGINT', 'int64'],
  ['id', 'BIGINT', 'int64'],
  ['port_a', 'USMALLINT', 'uint16'],
  ['port_b', 'USMALLINT', 'uint16'],
  ['small', 'UTINYINT', 'uint8'],
  ['flag', 'BOOLEAN', 'uint8'],
  ['protocol', `ENUM ('tcp', 'udp')`, 'uint8'],
  ['word', `ENUM ('a,b', '=c', 'd')`, 'uint8'],
  ['text', 'VARCHAR', 'text'],
  ['ip_a', 'VARCHAR', 'text'],
  ['ip_b', 'VARCHAR', 'text'],
  ['run', 'VARCHAR', 'text'],
]
const WORDS = ['a,b', '=c', 'd']
const IDS = [0, 1, 5, 2 ** 53 - 1]
const TEXT_IDS = ['', 'u', 'twelve bytes', 'thirteen byte', 'é'.repeat(40)]

interface Row {
  readonly big: number | null
  readonly start: number
  readonly lasted: number
  readonly sequence: number
  readonly id: number | null
  readonly port_a: number
  readonly port_b: number
  readonly small: number | null
  readonly flag: boolean | null
  readonly protocol: 'tcp' | 'udp'
  readonly word: string | null
  readonly text: string | null
  readonly ip_a: string
  readonly ip_b: string
  readonly run: string
}

const at = (...names: string[]) => names.map((name) => COLUMNS.findIndex(([n]) => n === name))
const FIVE = at('protocol', 'ip_a', 'port_a', 'ip_b', 'port_b')
const NAMES = { 0: 'zero', 1: '=one', 5: 'fi"ve', [2 ** 53 - 1]: '' } as Record<number, string>

/** Each kind of cell, and what JavaScript writes for it. */
const CELLS: readonly (readonly [NativeCell, (row: Row) => string | number | boolean | null])[] = [
  [{ kind: 'constant', columns: [], text: '"all, alike"' }, () => 'all, alike'],
  [{ kind: 'number', columns: at('big') }, (r) => r.big],
  [{ kind: 'number', columns: at('port_a') }, (r) => r.port_a],
  [{ kind: 'number', columns: at('small') }, (r) => r.small],
  [{ kind: 'flag', columns: at('flag') }, (r) => r.flag],
  [{ kind: 'word', columns: at('word'), words: WORDS.map(csvCell) }, (r) => r.word],
  [{ kind: 'text', columns: at('text') }, (r) => r.text],
  [{ kind: 'second', columns: at('start') }, (r) => Math.floor(r.start / 1e6)],
  [{ kind: 'time', columns: at('start') }, (r) => isoUs(r.start)],
  [{ kind: 'endTime', columns: at('start', 'lasted') }, (r) => isoUs(r.start + r.lasted)],
  [
    { kind: 'duration', columns: at('lasted', 'flag') },
    (r) => (r.flag ? null : Math.round(r.lasted / 1e3) / 1e3),
  ],
  [
    { kind: 'endpoint', columns: at('ip_a', 'port_a') },
    (r) => (r.port_a === 0 ? r.ip_a : formatEndpoint(r.ip_a, r.port_a)),
  ],
  [{ kind: 'sessionId', columns: at('run', 'sequence') }, (r) => sessionIdOf(r.run, r.sequence)],
  [{ kind: 'communityId', columns: FIVE, words: PROTOCOLS }, (r) => idOf(r)],
  [
    {
      kind: 'name',
      columns: at('id'),
      ids: IDS,
      names: IDS.map((id) => csvCell(NAMES[id]!)),
    },
    (r) => (r.id === null ? null : (NAMES[r.id] ?? null)),
  ],
  [
    {
      kind: 'textName',
      columns: at('text'),
      ids: TEXT_IDS,
      names: TEXT_IDS.map((id) => csvCell(`name of ${id}`)),
    },
    (r) => (r.text !== null && TEXT_IDS.includes(r.text) ? `name of ${r.text}` : null),
  ],
  [
    {
      kind: 'communityId',
      columns: [FIVE[0]!, ...FIVE.slice(3), ...FIVE.slice(1, 3)],
      words: PROTOCOLS,
    },
    idOf,
  ],
]

function idOf({ protocol, ip_a, port_a, ip_b, port_b }: Row): string | null {
  if (port_a === 0 || port_b === 0) return null
  const ends = { sourceIp: ip_a, sourcePort: port_a, destIp: ip_b, destPort: port_b }
  return communityId({ protocol, ...ends })
}

const ADDRESSES = ['10.8.0.2', '255.255.255.255', '0.0.0.0', '::', '::1', 'fd00::2', '2001:db8::5']
const LONG_ADDRESSES = ['::ffff:10.8.0.2', 'fe80:1111:2222:3333:4444:5555:6666:7777']
const address = fc.constantFrom(...ADDRESSES, ...LONG_ADDRESSES)
const text = fc.oneof(
  fc.constantFrom(
    ...TEXT_IDS,
    '=1',
    '-',
    'a,b',
    '"',
    'a\r\nb',
    "'",
    'x'.repeat(12),
    'x'.repeat(13),
  ),
  // What the database takes: whole characters, no NUL.
  fc.string({ unit: 'grapheme', maxLength: 40 }).map((t) => t.replaceAll('\0', '')),
  fc.string({ unit: fc.constantFrom('"', ',', '\n', '=', 'é', 'x'), maxLength: 3000 }),
)
const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null })
const number = fc.oneof(fc.maxSafeInteger(), fc.nat(100), fc.constantFrom(0, 2 ** 53 - 1, 99, 100))
const rows: fc.Arbitrary<Row> = fc.record({
  big: orNull(number),
  start: fc.oneof(fc.integer({ min: 0, max: 7e15 }), fc.constantFrom(0, 951_782_400_000_000 - 1)),
  lasted: fc.oneof(fc.nat(5000), fc.integer({ min: 0, max: 1e15 })),
  sequence: fc.oneof(fc.nat(40), fc.integer({ min: 0, max: 2 ** 40 - 1 })),
  id: orNull(fc.constantFrom(...IDS, 7)),
  port_a: fc.oneof(fc.constantFrom(0, 65_535), fc.nat(65_535)),
  port_b: fc.oneof(fc.constantFrom(0, 443), fc.nat(65_535)),
  small: orNull(fc.nat(255)),
  flag: orNull(fc.boolean()),
  protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  word: orNull(fc.constantFrom(...WORDS)),
  text: orNull(text),
  ip_a: address,
  ip_b: address,
  run: fc.constantFrom('', '01KAJBC0V00104G1R4', '=1,'),
})

let connection: DuckDBConnection
beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect()
  const columns = COLUMNS.map(([name, sqlType]) => `${name} ${sqlType}`)
  await connection.run(`CREATE TABLE t (n INTEGER, ${columns.join(', ')})`)
})
afterAll(() => connection.closeSync())

/** As DuckDB gives them, in order. */
async function stored(list: readonly Row[]): Promise<DuckDBDataChunk[]> {
  await connection.run('DELETE FROM t')
  const appender = await connection.createAppender('t')
  for (const [n, row] of list.entries()) {
    appender.appendInteger(n)
    for (const [name, sqlType] of COLUMNS) append(row[name as keyof Row], sqlType)
    appender.endRow()
  }
  appender.closeSync()
  function append(value: Row[keyof Row], sqlType: string): void {
    if (value === null) appender.appendNull()
    else if (sqlType === 'BIGINT') appender.appendBigInt(BigInt(value as number))
    else if (sqlType === 'USMALLINT') appender.appendUSmallInt(value as number)
    else if (sqlType === 'UTINYINT') appender.appendUTinyInt(value as number)
    else if (sqlType === 'BOOLEAN') appender.appendBoolean(value as boolean)
    else appender.appendVarchar(value as DuckDBValue as string)
  }
  const names = COLUMNS.map(([name]) => name).join(', ')
  return (await connection.run(`SELECT ${names} FROM t ORDER BY n`)).fetchAllChunks()
}

const newLines = (cells: readonly NativeCell[] = CELLS.map(([cell]) => cell)) =>
  new (csvAddon().CsvLines)(
    COLUMNS.map(([, , type]) => type),
    cells,
  )

function expectedLines(list: readonly Row[]): string {
  return list
    .map((row) => CELLS.map(([, twin]) => csvCell(twin(row))).join(',') + CSV_LINE_END)
    .join('')
}

describe('lines', () => {
  test('are those of the twin, whatever the values', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rows, { minLength: 1, maxLength: 70 }), async (list) => {
        const lines = newLines()
        const chunks = await stored(list)
        const text = chunks.map((c) => Buffer.from(linesOfChunk(lines, c)).toString()).join('')
        expect(text).toBe(expectedLines(list))
      }),
      { numRuns: 60 },
    )
  })

  test('of several chunks, the last one not full', async () => {
    const list = fc.sample(rows, { numRuns: 2 * 2048 + 3, seed: 7 })
    const chunks = await stored(list)
    expect(chunks.map((c) => c.rowCount)).toEqual([2048, 2048, 3])
    const lines = newLines()
    const text = chunks.map((c) => Buffer.from(linesOfChunk(lines, c)).toString()).join('')
    expect(text === expectedLines(list)).toBe(true)
  })
})

describe('what was called wrongly', () => {
  const [NUMBER, TEXT] = [
    { kind: 'number' as const, columns: [0] },
    { kind: 'text' as const, columns: [1] },
  ]
  const pair = () => new (csvAddon().CsvLines)(['int64', 'text'], [NUMBER, TEXT])
  const [NUMBERS, TEXTS] = [new BigInt64Array(70), new Uint8Array(70 * 16)]

  test('is a TypeError, not a read beyond the memory', () => {
    expect(Buffer.from(pair().write(70, [NUMBERS, TEXTS], [null, null], null))).toHaveLength(70 * 6)
    for (const [values, masks] of [
      [
        [NUMBERS.subarray(1), TEXTS],
        [null, null],
      ],
      [
        [NUMBERS, TEXTS.subarray(1)],
        [null, null],
      ],
      [
        [NUMBERS, new DataView(TEXTS.buffer, 16)],
        [null, null],
      ],
      [[NUMBERS], [null, null]],
      [
        [NUMBERS, undefined],
        [null, null],
      ],
      [
        [NUMBERS, 'text'],
        [null, null],
      ],
      [
        [NUMBERS, TEXTS],
        [new Uint8Array(8), null],
      ],
      [
        [NUMBERS, TEXTS],
        [null, undefined],
      ],
      [[NUMBERS, TEXTS], [null]],
    ] as never[][]) {
      expect(() => pair().write(70, values as never, masks as never, null)).toThrow(/column [01]/)
    }
    expect(() => pair().write('70' as never, [NUMBERS, TEXTS], [null, null], null)).toThrow(
      TypeError,
    )
    expect(() => pair().write(70, null as never, [null, null], null)).toThrow(TypeError)
  })

  test('a code without a word', () => {
    const cell: NativeCell = { kind: 'word', columns: [0], words: ['a'] }
    const lines = new (csvAddon().CsvLines)(['uint8'], [cell])
    expect(Buffer.from(lines.write(2, [new Uint8Array(2)], [null], null)).toString()).toBe(
      'a\r\na\r\n',
    )
    expect(() => lines.write(2, [Uint8Array.of(0, 1)], [null], null)).toThrow(/no word/)
  })

  test('cells that are not of their columns', () => {
    const { CsvLines } = csvAddon()
    for (const cell of [
      { kind: 'number', columns: [1] },
      { kind: 'text', columns: [0] },
      { kind: 'number', columns: [2] },
      { kind: 'number', columns: [-1] },
      { kind: 'number', columns: [0, 0] },
      { kind: 'endpoint', columns: [0, 1] },
      { kind: 'none', columns: [] },
      { kind: 'number' },
      null,
      7,
    ])
      expect(() => new CsvLines(['int64', 'text'], [cell as never])).toThrow(/cell 0/)
    expect(() => new CsvLines(['int64'], [])).toThrow(/no cells/)
    expect(() => new CsvLines(['int32' as never], [NUMBER])).toThrow(/no such type: int32/)
    // What cannot be converted at all.
    const none = Symbol('none') as never
    expect(() => new CsvLines([none], [NUMBER])).toThrow(/no such type/)
    for (const cell of [
      { ...NUMBER, kind: none },
      { ...NUMBER, columns: [none] },
    ])
      expect(() => new CsvLines(['int64'], [cell])).toThrow(/cell 0/)
    const named = { kind: 'name', columns: [0], ids: [none, 7], names: [none, 'seven'] } as const
    const lines = new CsvLines(['int64'], [named])
    expect(Buffer.from(lines.write(1, [BigInt64Array.of(7n)], [null], null)).toString()).toBe(
      `seven${CSV_LINE_END}`,
    )
  })
})

interface TextVector {
  readonly dataView: DataView
  readonly validity: unknown
}

describe('layout of DuckDB', () => {
  test('is as the addon reads it', async () => {
    expect(layoutFault(await layoutChunk(connection))).toBe(null)
    await checkLayout(connection)
  })

  test('when it is another one, that is said', async () => {
    const chunk = await layoutChunk(connection)
    const texts = chunk.columnCount - 1
    const { dataView, validity } = chunk.getColumnVector(texts) as unknown as TextVector
    const other = (change: (bytes: Buffer) => Buffer) => {
      const copy = change(
        Buffer.from(Buffer.from(dataView.buffer, dataView.byteOffset, dataView.byteLength)),
      )
      const vector = {
        dataView: new DataView(copy.buffer, copy.byteOffset, copy.byteLength),
        validity,
      }
      return layoutFault({
        columnCount: chunk.columnCount,
        rowCount: chunk.rowCount,
        getColumnVector: (i: number) => (i === texts ? vector : chunk.getColumnVector(i)),
      } as never)
    }
    expect(other((bytes) => Buffer.concat([bytes, bytes]))).toMatch(/16 bytes/)
    expect(other((bytes) => bytes.fill(0, 16, 20))).toMatch(/length/)
    expect(other((bytes) => bytes.fill(0x78, 20, 21))).toMatch(/follow/)
    // The third text leads into the last one.
    const moved = (bytes: Buffer) => {
      bytes.writeBigUInt64LE(bytes.readBigUInt64LE(5 * 16 + 8) + 1n, 2 * 16 + 8)
      return bytes
    }
    expect(other(moved)).toMatch(/as another/)
    expect(other((bytes) => bytes)).toBe(null)
  })
})

test('the addon of the server does not need libpcap', () => {
  const built = (name: string) =>
    readFileSync(new URL(`../../../build/Release/${name}.node`, import.meta.url)).includes(
      'libpcap.so',
    )
  expect(built('tunmeter')).toBe(true)
  expect(built('tunmeter_csv')).toBe(false)
})
