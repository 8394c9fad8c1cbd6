/** `tunmeter keys` and `tunmeter serve` on directories that are new, wrong or not theirs. */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { start } from '../support/process.js'
import { run } from '../support/run-here.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const newDirectory = (): string => join(temporaryDirectory(), 'data')

async function keyIn(data: string): Promise<{ readonly keyId: string; readonly key: string }> {
  const { stdout } = await run(['keys', 'create', '--data', data, '--scope', 'root', '--json'])
  return JSON.parse(stdout) as { keyId: string; key: string }
}

describe('keys', () => {
  test.each([[['list']], [['revoke', 'x']]])('%j makes no directory', async (args) => {
    const data = newDirectory()
    const { code, stderr } = await run(['keys', ...args, '--data', data])
    expect([code, existsSync(data)]).toEqual([1, false])
    expect(stderr).toContain(`${data} is no data directory`)
  })

  test('create says that it made one, once', async () => {
    const data = newDirectory()
    const create = ['keys', 'create', '--data', data, '--scope', 'root']
    const first = await run(create)
    expect(first.stderr).toBe(`new data directory ${data}\n`)
    expect(first.stdout).toMatch(/^tm_root_[\w-]{43}\n$/)
    expect((await run(create)).stderr).toBe('')
  })

  test('revoke takes the id either way, and says when it was revoked before', async () => {
    const data = newDirectory()
    const [one, two] = [await keyIn(data), await keyIn(data)]
    const revoke = (...args: string[]) => run(['keys', 'revoke', '--data', data, ...args])
    expect(await revoke(one.keyId)).toMatchObject({ code: 0, stderr: '' })
    expect((await revoke('--id', two.keyId)).stdout).toBe(`revoked ${two.keyId} (root, unnamed)\n`)
    const again = await revoke(one.keyId)
    expect([again.code, again.stdout]).toEqual([
      0,
      expect.stringMatching(/was revoked before, at 2/),
    ])
    const unknown = await revoke('nobody')
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('no key "nobody"')])
    expect((await revoke()).code).toBe(2)
    const { stdout } = await run(['keys', 'list', '--data', data])
    expect(stdout.match(/revoked/g)?.length).toBe(2)
  })

  test.each<[string, string[], RegExp]>([
    ['a site for read', ['--org', 'a', '--site', '5'], /--site goes with --scope ingest only/],
    ['ingest without site', ['--org', 'a', '--scope', 'ingest'], /--site N is required/],
    ['no org', [], /--org ORG is required: a key for read belongs to one/],
    ['root of an org', ['--org', 'a', '--scope', 'root'], /--org does not go with --scope root/],
    [
      'making an org for root',
      ['--scope', 'root', '--create-org'],
      /--create-org does not go with/,
    ],
    ['retention of root', ['--scope', 'root', '--retention-days', '3'], /does not go with.*root/],
  ])('%s is refused and makes nothing', async (_, args, message) => {
    const data = newDirectory()
    const { code, stderr } = await run(['keys', 'create', '--data', data, ...args])
    expect([code, existsSync(data)]).toEqual([2, false])
    expect(stderr).toMatch(message)
  })

  test('an organisation is made by --create-org only: a typo makes none', async () => {
    const data = newDirectory()
    const create = (...args: string[]) => run(['keys', 'create', '--data', data, ...args])
    const early = await create('--org', 'acme')
    expect([early.code, existsSync(data)]).toEqual([1, false])
    expect(early.stderr).toMatch(/no organisation "acme" in .*--create-org/s)
    const first = await create('--org', 'acme', '--create-org')
    expect([first.code, first.stderr]).toEqual([
      0,
      expect.stringMatching(/acme; it stores nothing/),
    ])
    expect((await create('--org', 'acme')).code).toBe(0)
    const typo = await create('--org', 'acmee')
    expect([typo.code, typo.stdout]).toEqual([1, ''])
    expect(typo.stderr).toMatch(/no organisation "acmee" in .* \(there is acme\)/)
    expect((await create('--org', 'other', '--retention-days', '3')).code).toBe(1)
    const other = await create('--org', 'other', '--create-org', '--retention-days', '3')
    expect([other.code, other.stderr]).toEqual([0, 'new organisation other\n'])
    const { stdout } = await run(['keys', 'list', '--data', data, '--json'])
    const orgs = stdout.trimEnd().split('\n')
    expect(orgs.map((line) => (JSON.parse(line) as { orgId: string }).orgId).sort()).toEqual([
      'acme',
      'acme',
      'other',
    ])
  })

  test('help shows no stand-ins for "not given"', async () => {
    const { stdout } = await run(['keys', 'create', '--help'])
    expect(stdout).not.toMatch(/Default:\s+(-2|0|0ms)\./)
  })
})

describe('a server’s data', () => {
  test('is for its user only', async () => {
    const data = newDirectory()
    await keyIn(data)
    const server = start(['serve', '--data', data, '--listen', '127.0.0.1:0'])
    await until(() => existsSync(join(data, 'server.json')) || server.child.exitCode !== null)
    const names = readdirSync(data)
    expect(names).toEqual(expect.arrayContaining(['control.mdb', 'sessions.duckdb', 'server.json']))
    for (const name of ['.', ...names])
      expect(statSync(join(data, name)).mode & 0o077, name).toBe(0)
    server.child.kill('SIGTERM')
    expect((await server.finished).code).toBe(0)
  })

  test.each<[string, (data: string) => string, RegExp]>([
    [
      'a file',
      (data) => {
        writeFileSync(data, 'x')
        return data
      },
      /it is not a directory/,
    ],
    ['below a file', () => '/dev/null/data', /it is not a directory/],
    ['where nobody may write', () => '/sys/tunmeter', /cannot use the data directory \/sys/],
    [
      'a damaged file of keys',
      (data) => {
        mkdirSync(data)
        writeFileSync(join(data, 'control.mdb'), 'garbage')
        return data
      },
      /control\.mdb is damaged/,
    ],
  ])('%s: a sentence and what to do', async (_, make, message) => {
    const data = make(newDirectory())
    for (const args of [
      ['serve', '--listen', '127.0.0.1:0'],
      ['keys', 'create', '--scope=root'],
    ]) {
      const { code, stderr } = await run([...args, '--data', data])
      expect(stderr).toMatch(message)
      expect([code, stderr.includes('bug')]).toEqual([1, false])
    }
  })

  test('a server that cannot listen leaves no directory', async () => {
    const taken = createServer()
    onTestFinished(() => void taken.close())
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    for (const listen of [`127.0.0.1:${port}`, 'nonsense', '0.0.0.0:0']) {
      const data = newDirectory()
      const { code } = await run(['serve', '--data', data, '--listen', listen])
      expect([listen, code === 0, existsSync(data)]).toEqual([listen, false, false])
    }
  })
})
