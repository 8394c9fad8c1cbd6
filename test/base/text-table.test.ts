import { describe, expect, test } from 'vitest'
import { terminalWidth } from '../../src/base/terminal.js'
import { type Column, TextTable, tableText } from '../../src/base/text-table.js'
import { cutToWidth, textWidth } from '../../src/base/text-width.js'

const paint = (_: unknown, text: string): string => text
const NAME: Column<string> = { title: 'NAME', shrinksTo: 4, read: (row) => row }
const SIZE: Column<string> = { title: 'SIZE', align: 'right', read: (row) => `${row.length}` }

describe('width of a text', () => {
  test.each([
    ['abc', 3],
    ['Zoë', 3],
    ['Zoe\u0308', 3],
    ['日本', 4],
    ['한국', 4],
    ['ﾊﾝ', 2],
    ['👩‍💻', 2],
    ['🇩🇪', 2],
    ['a\u200bb', 2],
  ])('%s takes %d cells', (text, width) => expect(textWidth(text)).toBe(width))

  test('is cut between characters, never inside one', () => {
    expect(cutToWidth('日本語', 6)).toBe('日本語')
    expect(cutToWidth('日本語', 5)).toBe('日本…')
    expect(cutToWidth('日本語', 4)).toBe('日…')
    expect(cutToWidth('Zoe\u0308 K', 4)).toBe('Zoe\u0308…')
  })
})

describe('table', () => {
  test('columns under each other, whatever is in the names', () => {
    const lines = tableText([[NAME, SIZE]], ['日本', 'Zoë', 'a\u001b[31mb'], { paint, width: 80 })
    expect(lines.split('\n')).toEqual([
      'NAME     SIZE',
      '日本        2',
      'Zoë         3',
      'a?[31mb     7',
      '',
    ])
  })

  test('the widest layout that fits; then names are cut', () => {
    const layouts = [[NAME, SIZE], [NAME]]
    const at = (width: number) => tableText(layouts, ['alexandria'], { paint, width }).split('\n')
    expect(at(16)).toEqual(['NAME        SIZE', 'alexandria    10', ''])
    expect(at(12)).toEqual(['NAME    SIZE', 'alexa…    10', ''])
    expect(at(9)).toEqual(['NAME', 'alexandr…', ''])
    expect(at(2)).toEqual(['NAME', 'ale…', ''])
  })

  test('columns are sized by the first 500 rows; later ones stick out and are all there', () => {
    const table = new TextTable([[SIZE, { ...NAME, read: (row) => row }]], { paint, width: 80 })
    for (let i = 0; i < 500; i++) table.row('abcd')
    table.row('abcdefgh')
    table.end()
    const lines = table.take().split('\n')
    expect(lines.length).toBe(503)
    expect(lines[501]).toBe('   8  abc…')
    expect(tableText([[NAME]], [], { paint, width: 80 })).toBe('')
  })
})

test.each([
  [{ isTTY: true, columns: 120 }, {}, 120],
  [{ isTTY: true, columns: 120 }, { COLUMNS: '80' }, 80],
  [{ isTTY: true, columns: 0 }, {}, 80],
  [{ isTTY: true }, { COLUMNS: 'wide' }, 80],
  [{}, {}, Number.POSITIVE_INFINITY],
  [{}, { COLUMNS: '100' }, 100],
  [{}, { COLUMNS: '0' }, Number.POSITIVE_INFINITY],
])('%j with %j is %d wide', (stream, env, width) => {
  expect(terminalWidth(stream, env)).toBe(width)
})
