import { describe, expect, test } from 'vitest'
import { csvCell, csvHeader, csvLine, csvName } from '../../src/session/csv.js'
import { durationSeconds, FIELDS, isoUs, type SessionRow } from '../../src/session/fields.js'
import { aRow } from '../support/sessions.js'

function read(row: SessionRow): Record<string, unknown> {
  return Object.fromEntries(FIELDS.map((f) => [f.name, f.read(row)]))
}

describe('fields', () => {
  test('the documented ones come first, in the documented order', () => {
    expect(FIELDS.slice(0, 11).map((f) => f.name)).toEqual([
      'timestamp',
      'protocol',
      'siteResourceId',
      'clientId',
      'clientEndpoint',
      'userId',
      'sourceAddr',
      'destAddr',
      'duration',
      'bytesTx',
      'bytesRx',
    ])
    expect(FIELDS.filter((f) => f.documented)).toEqual(FIELDS.slice(0, 11))
  })

  test('no name is there twice', () => {
    expect(new Set(FIELDS.map((f) => f.name)).size).toBe(FIELDS.length)
  })

  test('read what they say', () => {
    const row = aRow({ sourceIp: 'fd00::2', siteResourceId: 7 })
    expect(read(row)).toMatchObject({
      timestamp: 1_700_000_000,
      sourceAddr: '[fd00::2]:50000',
      destAddr: '192.168.7.10:443',
      siteResourceId: 7,
      duration: 2.5,
      startTime: '2023-11-14T22:13:20.250000Z',
      endTime: '2023-11-14T22:13:22.750499Z',
      goodputTx: 610,
      clientName: null,
    })
    const older = { ...row, retransmittedBytesTx: null } as unknown as SessionRow
    expect(read(older)).toMatchObject({ goodputTx: null, goodputRx: 54_293 })
    expect(read(aRow({ payloadRx: 900, retransmittedBytesRx: 100 }))).toMatchObject({
      goodputRx: 800,
    })
  })

  test('values are of the declared type, and null only where it says so', () => {
    for (const row of [aRow(), aRow({ endReason: 'activeTimeout', handshakeRttUs: null })]) {
      for (const field of FIELDS) {
        const value = field.read(row)
        if (value === null) expect(field.nullable, field.name).toBe(true)
        else expect(`${field.name} ${typeof value}`).toBe(`${field.name} ${jsType(field.type)}`)
      }
    }
  })

  test('an open session has no duration', () => {
    expect(durationSeconds(aRow({ endReason: 'activeTimeout' }))).toBeNull()
  })

  // Dates by `date -u -d @SECONDS`.
  test.each([
    [0, '1970-01-01T00:00:00.000000Z'],
    [-1, '1969-12-31T23:59:59.999999Z'],
    [1_024_000_001, '1970-01-01T00:17:04.000001Z'],
    [2_048_999_999, '1970-01-01T00:34:08.999999Z'],
    [1_582_979_696_000_007, '2020-02-29T12:34:56.000007Z'],
  ])('%d microseconds is %s', (us, text) => {
    expect(isoUs(us)).toBe(text)
    expect(isoUs(us)).toBe(text)
  })
})

describe('csv', () => {
  test.each([
    [null, ''],
    ['', '""'],
    [-5, '-5'],
    [1.5, '1.5'],
    [true, 'true'],
    ['plain', 'plain'],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['=1+1', '=1+1'],
    ['@x,y', '"@x,y"'],
    ['two\nlines', '"two\nlines"'],
  ])('%j is written %s', (value, cell) => {
    expect(csvCell(value)).toBe(cell)
  })

  test.each([
    [null, ''],
    ['', '""'],
    ['plain', 'plain'],
    ['=1+1', "'=1+1"],
    ['-5', "'-5"],
    ['@x,y', '"\'@x,y"'],
    ['\nx', '"\'\nx"'],
  ])('the name %j is written %s', (value, cell) => {
    expect(csvName(value)).toBe(cell)
  })

  test('names are guarded against formulas; ids, keys and addresses stay as they are', () => {
    const ids = {
      userId: '@ada',
      meterId: '-gw',
      peerPublicKey: '+dx=',
      clientEndpoint: '+1',
      sessionId: '=x',
    }
    const names = { clientName: '=1', userName: '+2', resourceName: '-3', siteName: '@4' }
    const cells = csvLine(FIELDS, { ...aRow(), ...ids, ...names })
      .trim()
      .split(',')
    const written = Object.fromEntries(FIELDS.map(({ name }, i) => [name, cells[i]]))
    expect(written).toMatchObject(ids)
    for (const [field, name] of Object.entries(names)) expect(written[field]).toBe(`'${name}`)
  })

  test('a line has as many cells as the header', () => {
    const header = csvHeader(FIELDS)
    expect(csvLine(FIELDS, aRow()).split(',').length).toBe(header.split(',').length)
    expect(header.endsWith('otherClientId,otherUserId,seenTwice,otherClientName\r\n')).toBe(true)
  })
})

function jsType(type: string): string {
  return type === 'integer' ? 'number' : type === 'text' ? 'string' : type
}
