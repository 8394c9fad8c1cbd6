/** The addons read what strangers send: the compiler's and the linker's protections are in them. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hardeningFaults, isFortified } from '../../scripts/release/hardened.ts'
import { temporaryDirectory } from '../support/temporary.js'

const ROOT = join(import.meta.dirname, '../..')
/** That of this checkout, and those of the packages when they were built here (scripts/release/prebuild.ts refuses others). */
const FOLDERS = [
  'build/Release',
  'build/release/addons/linux-x64',
  'build/release/addons/linux-arm64',
]
const ADDONS = FOLDERS.flatMap((folder) =>
  ['tunmeter.node', 'tunmeter_csv.node'].map((name) => join(folder, name)),
).filter((path) => path.startsWith('build/Release') || existsSync(join(ROOT, path)))

test.each(ADDONS)('%s has RELRO, BIND_NOW, stack protector', (path) => {
  const elf = readFileSync(join(ROOT, path))
  expect(hardeningFaults(elf)).toEqual([])
  // The other one calls nothing that has a checked form.
  if (path.endsWith('/tunmeter.node')) expect(isFortified(elf)).toBe(true)
})

test('a library that is built without them lacks all of them', () => {
  const directory = temporaryDirectory()
  const [source, library] = [join(directory, 'a.c'), join(directory, 'a.so')]
  writeFileSync(source, 'int a(void) { return 1; }\n')
  const without = ['-fno-stack-protector', '-U_FORTIFY_SOURCE', '-Wl,-z,norelro', '-Wl,-z,lazy']
  execFileSync('cc', ['-shared', '-fPIC', '-O2', ...without, '-o', library, source])
  expect(hardeningFaults(readFileSync(library))).toEqual([
    'no RELRO',
    'no BIND_NOW',
    'no stack protector',
  ])
  expect(isFortified(readFileSync(library))).toBe(false)
})
