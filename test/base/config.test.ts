import { describe, expect, test } from 'vitest'
import {
  choice,
  duration,
  integer,
  requiredText,
  resolveOptions,
  secretText,
  size,
  textList,
  toggle,
} from '../../src/base/config.js'
import { KEY_FILE } from '../../src/base/key-file.js'

const table = {
  interface: requiredText('What to read.', 'NAME'),
  spoolMax: size('Bound.', 2 ** 30, { min: 2 ** 20, max: 2 ** 40 }),
  udpTimeout: duration('Idle time.', 60_000, { min: 1_000, max: 86_400_000 }),
  port: integer('Port.', 'PORT', 80, { min: 0, max: 65_535 }),
  format: choice('Format.', 'FORMAT', ['csv', 'ndjson'], 'csv'),
  filter: textList('Filters.', 'TEXT'),
  quiet: toggle('Say less.'),
  key: secretText('Key.', 'KEY'),
}
const resolve = (flags: Record<string, unknown>, env = {}, file = {}) =>
  resolveOptions(table, {
    flags: { interface: 'wg0', ...flags },
    env,
    file: { path: 'meter.yaml', content: file },
  })
const faultsOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('nothing was refused')
}

describe('resolveOptions', () => {
  test.each([
    ['512KiB', undefined],
    ['2MiB', 2 * 2 ** 20],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['2097152', 2 * 2 ** 20],
    ['1GB', undefined],
    ['-1MiB', undefined],
  ])('size %s', (text, want) => {
    if (want === undefined) expect(() => resolve({ spoolMax: [text] })).toThrow('--spool-max')
    else expect(resolve({ spoolMax: [text] }).spoolMax).toBe(want)
  })

  test('a file of the key on the command line counts before the key in the environment and the file', () => {
    const keyed = { key: table.key, keyFile: KEY_FILE }
    const sources = { env: { TUNMETER_KEY: 'old' }, file: { path: 'f', content: { key: 'older' } } }
    const resolved = (flags: object) => resolveOptions(keyed, { flags: { ...flags }, ...sources })
    expect(resolved({ keyFile: 'k' })).toEqual({ key: undefined, keyFile: 'k' })
    expect(resolved({ keyFile: 'k', key: 'new' })).toEqual({ key: 'new', keyFile: 'k' })
    expect(resolved({})).toEqual({ key: 'old', keyFile: undefined })
  })

  test.each([
    ['1500ms', 1_500],
    ['30', 30_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('duration %s', (text, want) => {
    expect(resolve({ udpTimeout: [text] }).udpTimeout).toBe(want)
  })

  test('the command line beats the environment, that the file, that the default', () => {
    const env = { TUNMETER_PORT: '3', TUNMETER_FORMAT: 'ndjson' }
    const file = { port: 4, format: 'csv', quiet: true, 'udp-timeout': '2s' }
    expect(resolve({ port: ['2'] }, env, file)).toMatchObject({
      port: 2,
      format: 'ndjson',
      quiet: true,
      udpTimeout: 2_000,
      spoolMax: 2 ** 30,
    })
  })

  test('lists come from repeated flags and from YAML lists', () => {
    expect(resolve({ filter: ['a', 'b'] }).filter).toEqual(['a', 'b'])
    expect(resolve({}, {}, { filter: ['c', 'd'] }).filter).toEqual(['c', 'd'])
  })

  test.each([null, undefined, '', []])('%j in the file is not given', (nothing) => {
    expect(resolve({}, {}, { port: nothing, filter: nothing, key: nothing })).toEqual(resolve({}))
    expect(() =>
      resolveOptions(table, {
        flags: {},
        env: {},
        file: { path: 'meter.yaml', content: { interface: nothing } },
      }),
    ).toThrow('--interface NAME is required')
  })

  test.each([
    [['a', null], 'filter in meter.yaml: item 2 of the list is empty'],
    [['', 'a'], 'filter in meter.yaml: item 1 of the list is empty'],
    [['a', ['b']], 'filter in meter.yaml: item 2 of the list is more than one value'],
    [{ a: 1 }, 'filter in meter.yaml: expected one value or a list'],
  ])('%j in the file is refused, with its place', (filter, fault) => {
    expect(faultsOf(() => resolve({}, {}, { filter }))).toBe(fault)
  })

  test('all faults are reported together, each with where it came from', () => {
    const text = faultsOf(() =>
      resolveOptions(table, {
        flags: { port: ['70000'], format: ['xml'] },
        env: { TUNMETER_UDP_TIMEOUT: 'soon' },
        file: { path: 'meter.yaml', content: { 'spool-maks': 1 } },
      }),
    )
    expect(text.split('\n')).toEqual([
      'meter.yaml has no option "spool-maks"; did you mean "spool-max"?',
      '--interface NAME is required: What to read.',
      'TUNMETER_UDP_TIMEOUT: "soon": expected a time as in 250ms, 30s, 5m, 2h or 7d',
      '--port: "70000": expected a whole number, from 0 to 65535',
      '--format: "xml": expected one of csv, ndjson',
    ])
  })

  test('a flag given twice is refused, a secret is never repeated in a message', () => {
    expect(faultsOf(() => resolve({ port: ['1', '2'] }))).toContain(
      'expected one value, and there are 2',
    )
    expect(faultsOf(() => resolve({ key: ['hush', 'hush'] }))).not.toContain('hush')
  })
})
