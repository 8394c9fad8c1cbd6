import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { systemFault } from '../../src/base/system-fault.js'
import { ROOT } from '../support/process.js'

const fail = (act: () => void): unknown => {
  try {
    act()
    return null
  } catch (error) {
    return error
  }
}

test.each([
  [Object.assign(new Error('open x'), { code: 'EMFILE' }), 'EMFILE', 'ulimit -n'],
  [new Error('IO Error: cannot write "x.db": No space left on device'), 'ENOSPC', 'space'],
  // As the engine says it, in native/addon/addon.cc.
  [new Error('Cannot allocate memory for the flow table'), 'ENOMEM', 'memory'],
  [new Error('Too many open files in system'), 'ENFILE', 'fs.file-max'],
  [new Error('it failed', { cause: new Error('Read-only file system') }), 'EROFS', 'writable'],
  [Object.assign(new Error('Worker'), { code: 'ERR_WORKER_INIT_FAILED' }), /WORKER/, 'TasksMax'],
])('%s is %s', (error, code, hint) => {
  expect(systemFault(error)).toMatchObject({
    code: expect.stringMatching(code),
    hint: expect.stringContaining(hint),
  })
})

test.each([
  new TypeError('x is not a function'),
  Object.assign(new Error('bad file descriptor'), { code: 'EBADF' }),
  fail(() => readFileSync('/nowhere')),
  'a text',
])('%s is a bug', (error) => expect(systemFault(error)).toBe(null))

test.each(['meter --interface lo --to http://127.0.0.1:9 --key k', 'replay x.pcap', '--help'])(
  '%s with few descriptors says what to raise',
  async (args) => {
    const shell = `ulimit -n 22; exec "$0" ${ROOT}dist/cli.js ${args}`
    const ran = promisify(execFile)('sh', ['-c', shell, process.execPath])
    await expect(ran).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^tunmeter: EMFILE: too many open files, [^\n]*\n {2}[^\n]*ulimit -n[^\n]*\n$/,
      ),
    })
  },
)
