/** docs/install.md, "When it does not work": what npm's install script says on a machine without a prebuilt addon. */
import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ROOT } from '../support/process.js'

const ADVICE =
  "install the addon's package beside the program, or g++, make, python3 and the headers of libpcap and zlib " +
  '(Debian: apt install g++ make python3 libpcap-dev zlib1g-dev), and repeat; see docs/install.md.\n'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tunmeter-install-addon-'))
  copyFileSync(join(ROOT, 'scripts/release/install-addon.mjs'), join(folder, 'install-addon.mjs'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function command(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, name), 0o755)
}

/** Runs it where only the commands made here exist. */
async function install() {
  const env = { PATH: folder, NODE_PATH: '' }
  return promisify(execFile)(process.execPath, [join(folder, 'install-addon.mjs')], { env }).then(
    ({ stderr }) => ({ code: 0, stderr }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
  )
}

test('without a compiler it says so in one sentence, and starts no build', async () => {
  command('node-gyp', 'echo "gyp info it worked if it ends with ok" >&2; exit 1')
  const { code, stderr } = await install()
  expect(code).toBe(1)
  expect(stderr).toBe(
    `tunmeter: @tunmeter/addon-linux-${process.arch}, the prebuilt addon for this machine, is not installed, and this ` +
      `machine cannot compile it, because it lacks g++, make, python3: ${ADVICE}`,
  )
})

test('it names only what is missing, headers too', async () => {
  for (const name of ['make', 'python3']) command(name, 'exit 0')
  // A compiler that knows zlib's header alone.
  command('g++', 'read line; [ "$line" = "#include <zlib.h>" ]')
  expect((await install()).stderr).toContain('because it lacks the headers of libpcap: install')
})

test('a build that fails shows its messages before the sentence', async () => {
  for (const name of ['make', 'python3', 'g++']) command(name, 'exit 0')
  command('node-gyp', 'echo "some.cc:1: error" >&2; exit 1')
  const { code, stderr } = await install()
  expect(code).toBe(1)
  expect(stderr).toContain('some.cc:1: error\n')
  expect(stderr).toContain(`because it fails at it, as shown above: ${ADVICE}`)
})

test('a build that works says nothing', async () => {
  for (const name of ['make', 'python3', 'g++', 'node-gyp']) command(name, 'exit 0')
  expect(await install()).toEqual({ code: 0, stderr: '' })
})
