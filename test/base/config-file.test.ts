import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfigFile } from '../../src/base/config-file.js'
import { temporaryDirectory } from '../support/temporary.js'

function contentOf(text: string): unknown {
  const path = join(temporaryDirectory(), 'tunmeter.yaml')
  writeFileSync(path, text)
  return readConfigFile(path).content
}

test('numbers are taken as they are written: an id may look like one', () => {
  expect(
    contentOf(
      'meter-id: 007\nkey: 12345678901234567890\ninterface: [wg0, 12e4]\nflows-max: 1000\n',
    ),
  ).toEqual({
    'meter-id': '007',
    key: '12345678901234567890',
    interface: ['wg0', '12e4'],
    'flows-max': '1000',
  })
  expect(contentOf('consolidate: true\nspool:\n')).toEqual({ consolidate: true, spool: null })
})

test('what is no YAML, or several documents, is refused', () => {
  expect(() => contentOf('a: [')).toThrow('cannot read the configuration file')
  expect(() => contentOf('a: 1\n---\nb: 2\n')).toThrow('multiple documents')
})
