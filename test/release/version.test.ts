/** The version of a release, in texts of the kinds that name it. scripts/release/release.ts is tried whole by .ci/run. */
import { expect, test } from 'vitest'
import { isNewer, withVersion } from '../../scripts/release/version.js'

const files = new Map([
  [
    'package.json',
    '{\n  "name": "tunmeter",\n  "version": "0.1.0",\n  "dependencies": { "a": "0.1.0" }\n}',
  ],
  ['CHANGELOG.md', '# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0 - 2026-01-01\n\n- Old.\n'],
  [
    'docs/install.md',
    './tunmeter-0.1.0.tgz ./tunmeter-addon-linux-x64-0.1.0.tgz tunmeter-meter_0.1.0_amd64.deb node-0.1.0.tgz',
  ],
  ['packaging/compose/a.yaml', 'image: tunmeter/meter:0.1.0\nimage: other/meter:0.1.0\n'],
])

test('every file names the new version, and nothing else changes', () => {
  expect(Object.fromEntries(withVersion(files, '0.1.0', '0.2.0', '2026-02-03'))).toEqual({
    'package.json': files.get('package.json')!.replace('"version": "0.1.0"', '"version": "0.2.0"'),
    'CHANGELOG.md':
      '# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-02-03\n\n- New.\n\n## 0.1.0 - 2026-01-01\n\n- Old.\n',
    'docs/install.md':
      './tunmeter-0.2.0.tgz ./tunmeter-addon-linux-x64-0.2.0.tgz tunmeter-meter_0.2.0_amd64.deb node-0.1.0.tgz',
    'packaging/compose/a.yaml': 'image: tunmeter/meter:0.2.0\nimage: other/meter:0.1.0\n',
  })
})

test('a release without entries, and a file without the version, are faults', () => {
  const empty = new Map([['CHANGELOG.md', '## Unreleased\n\n## 0.1.0\n- Old.\n']])
  expect(() => withVersion(empty, '0.1.0', '0.2.0', '')).toThrow('nothing under "Unreleased"')
  const none = new Map([['packaging/compose/a.yaml', 'image: tunmeter/meter:latest\n']])
  expect(() => withVersion(none, '0.1.0', '0.2.0', '')).toThrow('does not name version 0.1.0')
})

test.each([
  ['0.2.0', '0.1.9', true],
  ['0.1.10', '0.1.9', true],
  ['0.1.0', '0.1.0', false],
  ['0.0.9', '0.1.0', false],
  ['1.0', '0.1.0', false],
  ['v1.0.0', '0.1.0', false],
])('%s after %s: %s', (version, before, newer) => {
  expect(isNewer(version, before)).toBe(newer)
})
