/** `--store`, `--control` and their passwords: what a user may get wrong is said with what to do, and never with a password. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { controlUrl, hasPassword, sharedAddresses } from '../../src/cli/shared-options.js'
import { runHere } from '../support/run-here.js'
import { temporaryDirectory } from '../support/temporary.js'

const NONE = {
  ...{ store: undefined, storePasswordFile: undefined },
  ...{ control: undefined, controlPasswordFile: undefined },
}
const STORE = 'clickhouse://bob@db1/sessions'
const CONTROL = 'postgresql://bob@db2/control'

function passwordFile(): string {
  const file = join(temporaryDirectory(), 'password')
  writeFileSync(file, 's3:cr/et\n')
  return file
}

test('passwords are read from files', () => {
  const file = passwordFile()
  const given = {
    store: STORE,
    storePasswordFile: file,
    control: CONTROL,
    controlPasswordFile: file,
  }
  expect(sharedAddresses(given)).toEqual({
    control: 'postgresql://bob:s3%3Acr%2Fet@db2/control',
    store: {
      ...{ url: 'http://db1:8123', database: 'sessions', username: 'bob', password: 's3:cr/et' },
    },
  })
  expect(sharedAddresses(NONE)).toBeUndefined()
  expect(controlUrl({ ...NONE, control: 'postgres://a:b@db2/c?sslmode=require' })).toBe(
    'postgres://a:b@db2/c?sslmode=require',
  )
})

test('TLS has its own scheme and port', () => {
  const store = (url: string) => sharedAddresses({ ...NONE, control: CONTROL, store: url })!.store
  expect(store('clickhouses://db1/x')).toEqual({ url: 'https://db1:8443', database: 'x' })
  expect(store('clickhouse://a%40b:p%2Fq@[::1]:1234/x')).toEqual({
    ...{ url: 'http://[::1]:1234', database: 'x', username: 'a@b', password: 'p/q' },
  })
})

test.each([
  [{ store: STORE }, '--store needs --control'],
  [{ control: CONTROL }, '--control needs --store'],
  [{ storePasswordFile: 'f' }, '--store-password-file needs --store'],
  [{ controlPasswordFile: 'f' }, '--control-password-file needs --control'],
  [{ store: 'mysql://b:pw@x/y', control: CONTROL }, '--store is no address'],
  [{ store: STORE, control: 'db2' }, '--control: expected an address'],
  [{ store: 'clickhouse://b:pw@db1', control: CONTROL }, '--store is no address'],
  [{ store: STORE, control: CONTROL, storePasswordFile: '/nowhere' }, 'cannot read it: ENOENT'],
  [
    { store: 'clickhouse://b:pw@db1/x', storePasswordFile: 'f', control: CONTROL },
    'has a password, too; leave one out',
  ],
])('%j: %s', (given, message) => {
  const read = () => sharedAddresses({ ...NONE, ...given })
  expect(read).toThrow(message)
  expect(read).not.toThrow('pw')
})

test('a password on the command line is warned of', () => {
  expect([
    hasPassword('clickhouse://b:pw@x/y'),
    hasPassword(STORE),
    hasPassword(undefined),
  ]).toEqual([true, false, false])
})

test('options of DuckDB do not go with --store', async () => {
  const args = ['serve', '--store', STORE, '--control', CONTROL, '--log-size', '1GiB']
  const { code, stderr } = await runHere(args).finished
  expect(code).toBe(2)
  expect(stderr).toContain('--log-size: it does nothing with --store')
})

test('keys in a database that does not answer are said so', async () => {
  const control = 'postgresql://bob:pw@127.0.0.1:1/x'
  const { code, stderr } = await runHere(['keys', 'list', '--control', control]).finished
  expect(code).not.toBe(0)
  expect(stderr).toContain('PostgreSQL does not answer')
  expect(stderr).not.toContain('pw')
})
