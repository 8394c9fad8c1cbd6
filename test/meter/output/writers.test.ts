import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../../src/base/byte-writer.js'
import { humanBytes, humanCount, humanSeconds } from '../../../src/meter/output/human.js'
import { CsvWriter, NdjsonWriter, type RowWriter } from '../../../src/meter/output/row-writer.js'
import { TableWriter } from '../../../src/meter/output/table.js'
import { csvHeader, csvLine } from '../../../src/session/csv.js'
import { FIELDS, type SessionRow } from '../../../src/session/fields.js'
import { CONN_STATES } from '../../../src/session/session.js'
import { aRow } from '../../support/sessions.js'
import { inZone } from '../../support/zone.js'

function written(writer: RowWriter, rows: readonly SessionRow[]): string {
  writer.begin()
  for (const row of rows) writer.row(row)
  writer.end()
  return Buffer.from(writer.take()).toString()
}

describe('byte writer', () => {
  test('writes numbers as JavaScript does', () => {
    const cases = [0, 9, 10, 2 ** 31 - 1, 2 ** 31, 1e10, 21474836480, Number.MAX_SAFE_INTEGER]
    cases.push(
      10968283814454.521,
      0.001,
      0.5,
      2.25,
      1.005,
      1234567.891,
      0.1 + 0.2,
      -1,
      -0.5,
      1e21,
      Number.NaN,
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constantFrom(...cases),
          fc.maxSafeInteger(),
          fc.nat().map((n) => n / 1000),
          fc.double(),
        ),
        (n) => {
          const writer = new ByteWriter()
          writer.number(n)
          expect(Buffer.from(writer.take()).toString()).toBe(Object.is(n, -0) ? '0' : String(n))
        },
      ),
      { examples: cases.map((n): [number] => [n]), numRuns: 2000 },
    )
  })

  test('writes strings as JSON does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const writer = new ByteWriter()
        writer.quoted(text)
        writer.text(text)
        const want = `${JSON.stringify(text)}${text}`
        expect(Buffer.from(writer.take()).toString()).toBe(want)
      }),
      { examples: [['"'], ['\\'], ['\n'], ['ü'], ['a\u0000'], ['€'.repeat(40)]] },
    )
  })

  test('grows beyond its first size', () => {
    const writer = new ByteWriter()
    const line = 'x'.repeat(1000)
    for (let i = 0; i < 3000; i++) writer.text(line)
    expect(writer.length).toBe(3_000_000)
    expect(Buffer.from(writer.take()).equals(Buffer.alloc(3_000_000, 'x'))).toBe(true)
    expect(writer.length).toBe(0)
  })

  test('hands over its first bytes and keeps the others', () => {
    const writer = new ByteWriter()
    writer.text('first,second,')
    expect(Buffer.from(writer.take(6)).toString()).toBe('first,')
    writer.text('third')
    expect(Buffer.from(writer.take()).toString()).toBe('second,third')
  })
})

const anyRow: fc.Arbitrary<SessionRow> = fc
  .record({
    bytesTx: fc.maxSafeInteger().map(Math.abs),
    startTimeUs: fc.integer({ min: 0, max: 4e15 }),
    endReason: fc.constantFrom('activeTimeout', 'idleTimeout'),
    clientName: fc.option(fc.string({ unit: 'binary' })),
    userId: fc.option(fc.string()),
    handshakeRttUs: fc.option(fc.nat()),
    sourceIp: fc.oneof(fc.ipV4(), fc.ipV6()),
    midstream: fc.boolean(),
    durationUs: fc.nat(),
  })
  .map(({ durationUs, ...change }) =>
    aRow({ ...change, endTimeUs: change.startTimeUs + durationUs } as Partial<SessionRow>),
  )

describe('rows', () => {
  test('NDJSON is what JSON.stringify makes of the fields', () => {
    fc.assert(
      fc.property(fc.array(anyRow, { maxLength: 5 }), (rows) => {
        const want = rows.map((row) => {
          const object = Object.fromEntries(FIELDS.map((f) => [f.name, f.read(row)]))
          return `${JSON.stringify(object)}\n`
        })
        expect(written(new NdjsonWriter(), rows)).toBe(want.join(''))
      }),
    )
  })

  test('CSV is what the cells say', () => {
    fc.assert(
      fc.property(fc.array(anyRow, { maxLength: 5 }), (rows) => {
        const want = csvHeader(FIELDS) + rows.map((row) => csvLine(FIELDS, row)).join('')
        expect(written(new CsvWriter(), rows)).toBe(want)
      }),
    )
  })

  test('no rows: an empty NDJSON, a CSV of its header', () => {
    expect(written(new NdjsonWriter(), [])).toBe('')
    expect(written(new CsvWriter(), [])).toBe(csvHeader(FIELDS))
  })
})

describe('table', () => {
  inZone('UTC')
  const paint = (_: unknown, text: string): string => text

  test('names when there are names, human units, right-aligned numbers, words for the end', () => {
    const rows = [
      aRow({ clientName: 'laptop of Ann', resourceName: 'wiki' }),
      aRow({ clientName: null, endReason: 'activeTimeout', bytesRx: 12 }),
      aRow({ connState: 'REJ' }),
    ]
    expect(written(new TableWriter({ paint, width: 300 }), rows).split('\n')).toEqual([
      'STARTED UTC          CLIENT         SOURCE          RESOURCE  DESTINATION       PROTO  DURATION     SENT  RECEIVED  RESULT',
      '2023-11-14 22:13:20  laptop of Ann  10.8.0.2:50000  wiki      192.168.7.10:443  tcp       2.5 s  1.23 kB   56.8 kB  Closed',
      '2023-11-14 22:13:20                 10.8.0.2:50000            192.168.7.10:443  tcp        open  1.23 kB      12 B  Open',
      '2023-11-14 22:13:20                 10.8.0.2:50000            192.168.7.10:443  tcp       2.5 s  1.23 kB   56.8 kB  Refused',
      '',
    ])
  })

  test('a sum of an hour has no addresses to show', () => {
    const none = { sourceIp: '0.0.0.0', sourcePort: 0, destIp: '0.0.0.0', destPort: 0 }
    const text = written(new TableWriter({ paint, width: 300 }), [
      aRow(none),
      aRow({ sourceIp: '0.0.0.0' }),
    ])
    const [, sum, session] = text.split('\n')
    expect(sum!.match(/not kept/g)).toHaveLength(2)
    expect(session).toContain('0.0.0.0:50000')
    expect(written(new TableWriter({ paint, width: 60 }), [aRow(none)])).toContain('not kept')
  })

  const named = [
    aRow({
      clientName: 'a client with a very long name',
      userName: 'Anna Keller',
      resourceName: 'wiki of the whole company',
    }),
    aRow({ resourceName: 'Databases', connState: 'S0' }),
  ]
  const linesAt = (width: number, rows = named): string[] =>
    written(new TableWriter({ paint, width }), rows).trimEnd().split('\n')
  const titlesAt = (width: number): string => linesAt(width)[0]!.split(/ {2,}/).join(' ')

  test('fits the terminal: less stands beside client, resource and result, which stay', () => {
    const all =
      'STARTED UTC CLIENT USER SOURCE RESOURCE DESTINATION PROTO DURATION SENT RECEIVED RESULT'
    expect(titlesAt(200)).toBe(all)
    expect(titlesAt(132)).toBe(all.replace(' USER', ''))
    expect(titlesAt(100)).toBe('STARTED UTC CLIENT RESOURCE DURATION SENT RECEIVED RESULT')
    expect(titlesAt(80)).toBe('STARTED UTC CLIENT RESOURCE SENT RECEIVED RESULT')
    expect(titlesAt(40)).toBe('CLIENT RESOURCE RESULT')
    for (let width = 40; width < 200; width++) {
      const lines = linesAt(width)
      expect([width, lines.filter((line) => line.length > width)]).toEqual([width, []])
      for (const [i, want] of [
        /a client wi.*wiki of th.*Closed/,
        /10\.8\.0\.2.*Databases.*No answer/,
      ].entries())
        expect(lines[i + 1]).toMatch(want)
    }
  })

  test('at 80 columns each way that a session can end has its word', () => {
    for (const connState of CONN_STATES) {
      const lines = linesAt(80, [...named, aRow({ connState })])
      expect([connState, lines.filter((line) => line.length > 80)]).toEqual([connState, []])
      expect(titlesAt(80)).toMatch(/CLIENT RESOURCE .*RESULT/)
    }
  })

  test('who has no name is shown by an address, which is never cut', () => {
    const rows = [...named, aRow({ sourceIp: 'fd00:1234:5678:9abc::1', destIp: 'fd00:1::2' })]
    for (const width of [1, 40, 80, 100, 120, 140]) {
      const { length, [length - 1]: last } = linesAt(width, rows)
      expect([width, last]).toEqual([
        width,
        expect.stringMatching(/fd00:1234:5678:9abc::1.* \[fd00:1::2\]:443 .*Closed$/),
      ])
    }
  })

  test('a name cannot move the cursor', () => {
    const rows = [aRow({ clientName: '\u001b[2Jevil' })]
    expect(written(new TableWriter({ paint, width: 300 }), rows)).not.toContain('\u001b')
  })

  test('a thousand rows come out, all of them', () => {
    const rows = Array.from({ length: 1001 }, () => aRow())
    expect(written(new TableWriter({ paint, width: 300 }), rows).split('\n').length).toBe(1003)
  })
})

describe('for people', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [12_345_678, '12.3 MB'],
    [5e12, '5.00 TB'],
  ])('%d bytes is %s', (n, text) => expect(humanBytes(n)).toBe(text))

  test.each([
    [null, 'open'],
    [0.0004, '0 ms'],
    [0.25, '250 ms'],
    [59.94, '59.9 s'],
    [61, '1m01s'],
    [3725, '1h02m'],
  ])('%j seconds is %s', (n, text) => expect(humanSeconds(n)).toBe(text))

  test.each([
    [999, '999'],
    [1234567, '1,234,567'],
  ])('%d is %s', (n, text) => expect(humanCount(n)).toBe(text))
})
