/** Mistakes of a user: what, where, what to do; exit 2 where trying again does not help; never a stack, never "bug". */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canMakeCertificates } from '../support/certificates.js'
import { run as runProcess } from '../support/process.js'
import { run } from '../support/run-here.js'
import { temporaryDirectory } from '../support/temporary.js'

const CAPTURE = new URL('../../fixtures/demo/site.pcap', import.meta.url).pathname

async function refused(args: readonly string[]) {
  const { code, stderr } = await (args[0] === 'meter' ? runProcess : run)(args)
  expect(stderr).not.toMatch(/bug|\n {4}at /)
  return { code, stderr }
}

const serve = (...more: string[]) => [
  ...['serve', '--listen', '127.0.0.1:0', '--data', join(temporaryDirectory(), 'data')],
  ...more,
]
const meter = (...more: string[]) => [
  ...['meter', '--interface', 'lo', '--to', 'http://127.0.0.1:9', '--key', 'tm_ingest_x'],
  ...['--spool', join(temporaryDirectory(), 'spool'), ...more],
]

test('a file writes nothing to the terminal but its characters', async () => {
  const catalog = join(temporaryDirectory(), '\u001b]0;mine\u0007\u202e.json')
  writeFileSync(catalog, JSON.stringify({ colour: 1 }))
  const { stderr } = await refused(['replay', CAPTURE, '--catalog', catalog])
  expect(stderr).toContain('?]0;mine??.json: colour: is not known here')
  expect(stderr).toMatch(/^[\n\x20-\x7e]*$/)
})

describe('a file named by mistake may be a secret, so no message shows its text', () => {
  const SECRET = 'aGlkZGVuIGhpZGRlbiBoaWRkZW4gaGlkZGVuIGhpZGQ='
  const files: [string, string][] = [
    ['a key', SECRET],
    ['PEM', `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\n`],
    ['a file of wg-quick', `[Interface]\nPrivateKey = ${SECRET}\n[Peer]\n`],
    ['users with passwords', `root:${SECRET}:1::\nx:${SECRET}:2::\n`],
    ['a list', `clients: ${SECRET}\n`],
    ['an alias', `key: *${SECRET}\n`],
    ['an escape', `"\\u${SECRET}"\n`],
    ['JSON that ends early', `{"key": "${SECRET}"`],
  ]
  const commands: string[][] = [
    ['catalog', 'check'],
    ['catalog', 'push', '--file'],
    ['replay', CAPTURE, '--peers'],
    ['replay', CAPTURE, '--config'],
    ['destinations', 'add', '--key', 'tm_admin_x', '--org', 'a', '--server', 'http://127.0.0.1:9'],
  ]
  test.each(files)('%s', async (_what, text) => {
    const path = join(temporaryDirectory(), 'file')
    writeFileSync(path, text)
    for (const command of commands) {
      const { code, stderr } = await refused([...command, path])
      expect(stderr).toMatch(/^tunmeter: .*\n {2}/)
      expect(stderr).not.toContain(SECRET.slice(0, 4))
      expect(code).toBeGreaterThan(0)
    }
  })

  test('a file of wg-quick is told what makes a catalog of it', async () => {
    const path = join(temporaryDirectory(), 'wg0.conf')
    writeFileSync(path, files[2]![1])
    const { stderr } = await refused(['catalog', 'check', path])
    expect(stderr).toContain(`tunmeter catalog init --wg-quick ${path}`)
  })
})

test.each([
  ['catalog push names.yaml', /takes only options, and got 1 argument\n.*--file FILE.*push --help/],
  ['catalog show x', /takes only options, and got 1 argument\n.*catalog show --help/],
  ['catalog check a b', /takes only FILE, and got 2 arguments\n.*catalog check --help/],
  ['catalog check', /missing required argument 'file'\n.*catalog check --help/],
  ['catalog push --fil x', /unknown option '--fil'\n.*--file\?\)\n.*catalog push --help/],
])('%s is told what the command takes', async (line, message) => {
  const { code, stderr } = await refused(line.split(' '))
  expect(stderr).toMatch(message)
  expect(code).toBe(2)
})

test.each(['--catalog', '--peers', '--config', '--ca-file'])(
  '%s without an end',
  async (option) => {
    const command = option === '--ca-file' ? meter() : ['replay', CAPTURE]
    const { code, stderr } = await refused([...command, option, '/dev/zero'])
    expect(code).toBeGreaterThan(0)
    expect(stderr).toMatch(/longer than/)
  },
)

/** In a mount namespace of its own. */
const inMounts = (script: string) =>
  spawnSync('unshare', ['-m', 'sh', '-c', script, process.execPath], {
    cwd: new URL('../../', import.meta.url),
    encoding: 'utf8',
  })

describe.skipIf(inMounts('true').status !== 0)('mounts', () => {
  test('a meter without /proc says that it needs it', () => {
    const command = '"$0" dist/cli.js meter --interface lo --output -'
    const { stderr, status } = inMounts(`mount -t tmpfs none /proc; exec ${command}`)
    expect(stderr).toContain('Mount /proc')
    expect(stderr).not.toMatch(/bug|\n {4}at /)
    expect(status).toBe(1)
  })

  test('a spool on a full disk wants space, not another directory', () => {
    const folder = temporaryDirectory()
    const command = `"$0" dist/cli.js meter --interface lo --to http://127.0.0.1:9 --key k --spool ${folder}/spool`
    const { stderr, status } = inMounts(
      `mount -t tmpfs -o size=64k none ${folder}; chmod 711 ${folder}; head -c 1M /dev/zero >${folder}/x; exec ${command}`,
    )
    expect(stderr).toMatch(/No space left|no space left/)
    expect(stderr).toContain('Make space on that disk')
    expect(status).toBe(1)
  })
})

describe.skipIf(!canMakeCertificates)('certificates and keys (openssl)', () => {
  let folder: string
  const file = (name: string) => join(folder, name)

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tunmeter-test-'))
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' })
    for (const name of ['a', 'b'])
      openssl(
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-subj', '/CN=x', '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)],
      )
    for (const [name, options] of [
      ['locked.key', []],
      ['locked-old.key', ['-traditional']],
    ] as const)
      openssl(
        ...['pkey', '-in', file('a.key'), '-aes256', '-passout', 'pass:x', ...options],
        ...['-out', file(name)],
      )
    openssl('x509', '-in', file('a.crt'), '-outform', 'der', '-out', file('a.der'))
    writeFileSync(file('empty'), '')
    writeFileSync(
      file('torn.crt'),
      readFileSync(file('a.crt'), 'utf8').replace(/\n[A-Za-z0-9+/]{20}/, '\n'),
    )
    for (const name of readdirSync(folder)) chmodSync(file(name), 0o600)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const pairs: [string, string, RegExp][] = [
    ['a.key', 'a.crt', /cert .*a\.key is not a certificate.*holds a private key/],
    ['a.crt', 'b.key', /the key in .*b\.key does not belong to the certificate in .*a\.crt/],
    ['none.crt', 'a.key', /cert: cannot read .*none\.crt/],
    ['a.crt', 'none.key', /key: cannot read .*none\.key/],
    ['a.der', 'a.key', /cert .*a\.der is not a certificate.*is not PEM/],
    ['empty', 'a.key', /cert .*empty is not a certificate.*is empty/],
    ['torn.crt', 'a.key', /cert .*torn\.crt is not a certificate.*holds a certificate, according/],
    ['a.crt', 'a.crt', /key .*a\.crt is not a private key.*holds a certificate/],
    ['a.crt', 'locked.key', /key .*locked\.key is not a private key.*encrypted with a passphrase/],
    ['a.crt', 'locked-old.key', /key .*locked-old\.key is not.*encrypted with a passphrase/],
  ]

  test('of serve', async () => {
    for (const [cert, key, message] of pairs) {
      const { code, stderr } = await refused(
        serve('--tls-cert', file(cert), '--tls-key', file(key)),
      )
      expect(stderr).toMatch(message)
      expect(stderr).toContain('--tls-')
      expect(code).toBe(2)
    }
  })

  test('of a meter or a replay, before it begins', async () => {
    for (const [cert, key, message] of pairs) {
      const { code, stderr } = await refused([
        ...['replay', '--to', 'https://127.0.0.1:9', '--key', 'tm_ingest_x'],
        ...['--client-cert', file(cert), '--client-key', file(key), CAPTURE],
      ])
      expect(stderr).toMatch(message)
      expect(stderr).toContain('--client-')
      expect(code).toBe(2)
    }
  })

  test('an authority that is none is said by every command that takes one', async () => {
    const away = 'https://127.0.0.1:9'
    const commands = [
      ['replay', CAPTURE, '--to', away, '--key', 'tm_ingest_x', '--ca-file'],
      ['catalog', 'show', '--server', away, '--key', 'tm_read_x', '--ca-file'],
      ['replay', CAPTURE, '--ipfix', 'tls://127.0.0.1:9', '--ipfix-ca-file'],
    ]
    const cases: [string, RegExp][] = [
      ['a.key', /-ca-file .*a\.key holds no certificate: it holds a private key/],
      ['a.der', /-ca-file .*a\.der holds no certificate: it is not PEM/],
      ['empty', /-ca-file .*empty holds no certificate: it is empty/],
      ['none', /-ca-file: cannot read .*none/],
      ['torn.crt', /-ca-file .*torn\.crt is not a list of certificates that can be used/],
    ]
    for (const command of commands)
      for (const [name, message] of cases) {
        const { code, stderr } = await refused([...command, file(name)])
        expect(stderr).toMatch(message)
        expect(code).toBe(2)
      }
  })
})

test.each(['nginx', '10.0.0.0/33', '::1/129', '10.0.0.1/x', ''])(
  '--trust-proxy %j is no address',
  async (proxy) => {
    const { code, stderr } = await refused(serve('--trust-proxy', proxy))
    expect(stderr).toContain(
      `--trust-proxy: ${JSON.stringify(proxy)}: expected an address or prefix`,
    )
    expect(code).toBe(2)
  },
)

test.each(['foo', 'foo:3128', 'socks5://x:1'])('--proxy %j is no address', async (proxy) => {
  const { code, stderr } = await refused(meter('--proxy', proxy))
  expect(stderr).toContain(`--proxy: "${proxy}": expected an address as in http://`)
  expect(code).toBe(2)
})

test('a proxy of the environment that is no address is named', async () => {
  const { code, stderr } = await runProcess(meter(), { env: { HTTP_PROXY: 'foo' } })
  expect(stderr).not.toMatch(/bug|\n {4}at /)
  expect(stderr).toContain('HTTP_PROXY: "foo": expected an address')
  expect(code).toBe(2)
})

test.each([
  ['serve', '--listen', '127.0.0.1:0', '--data'],
  ['keys', 'create', '--scope', 'root', '--name', 'a', '--data'],
  ['meter', '--interface', 'lo', '--to', 'http://127.0.0.1:9', '--key', 'tm_ingest_x', '--spool'],
])('%s: a directory below /proc is refused; making it never ended', async (...args) => {
  const { code, stderr } = await refused([...args, '/proc/tunmeter/x'])
  expect(stderr).toContain('/proc/tunmeter')
  expect(code).not.toBe(0)
})

test('an address to listen on that is none is blamed on the place where it was set', async () => {
  const listen = join(temporaryDirectory(), 'listen.yaml')
  writeFileSync(listen, 'listen: "8480"\n')
  const metrics = { env: { TUNMETER_METRICS_LISTEN: 'localhost' } }
  const form = 'expected HOST:PORT, as in 127.0.0.1:8480 or [::1]:8480'
  const cases = [
    [['serve', '--listen', 'x:70000'], {}, `--listen: "x:70000": ${form}`],
    [['serve'], { env: { TUNMETER_LISTEN: 'x' } }, `TUNMETER_LISTEN: "x": ${form}`],
    [['serve', '--config', listen], {}, `listen in ${listen}: "8480": ${form}`],
    [meter(), metrics, `TUNMETER_METRICS_LISTEN: "localhost": ${form}`],
  ] as const
  for (const [args, options, message] of cases) {
    const { code, stderr } = await (args[0] === 'meter' ? runProcess : run)(args, options)
    expect(stderr).toContain(message)
    expect(code).toBe(2)
  }
})

describe('a key file has one rule for all commands', () => {
  const away = 'http://127.0.0.1:9'
  const commands: [string, string[]][] = [
    ['meter', ['meter', '--interface', 'lo', '--to', away]],
    ['replay', ['replay', '--to', away, CAPTURE]],
    ['export', ['export', '--server', away]],
    ['catalog show', ['catalog', 'show', '--server', away]],
    ['log', ['log', '--server', away]],
  ]
  const keyFile = (mode: number, key = 'tm_read_x\n') => {
    const path = join(temporaryDirectory(), 'key')
    writeFileSync(path, key)
    chmodSync(path, mode)
    return path
  }

  test.each(commands)('%s: everybody may not read it', async (name, args) => {
    const path = keyFile(0o644)
    const spool = name === 'meter' ? ['--spool', join(temporaryDirectory(), 'spool')] : []
    const { code, stderr } = await refused([...args, ...spool, '--key-file', path])
    expect(stderr).toContain(`everybody on this machine can read ${path}`)
    expect(stderr).toContain(`chmod o-rwx ${path}`)
    expect(code).toBe(2)
  })

  test('its group may', async () => {
    const args = ['catalog', 'show', '--server', away, '--key-file', keyFile(0o640)]
    expect((await refused(args)).stderr).toContain(`cannot reach ${away}`)
  })

  test('a file of something else, an empty one, none', async () => {
    const cases: [string, RegExp][] = [
      [keyFile(0o600, 'two\nlines\n'), /the key in .*key holds characters that no key has/],
      [keyFile(0o600, '\n'), /the key in .*key is empty/],
      ['/nowhere/key', /cannot read \/nowhere\/key: .*ENOENT/],
    ]
    for (const [path, message] of cases)
      for (const args of [commands[1]![1], commands[3]![1]]) {
        const { code, stderr } = await refused([...args, '--key-file', path])
        expect(stderr).toMatch(message)
        expect(code).toBe(2)
      }
  })
})
