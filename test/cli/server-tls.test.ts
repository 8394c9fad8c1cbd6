/** A server with TLS, and the commands that talk to it: renewed certificates, names, authorities. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Authority, type Certificate, canMakeCertificates } from '../support/certificates.js'
import { listenDatagrams } from '../support/datagrams.js'
import { follow, start } from '../support/process.js'
import { TestServer } from '../support/server.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

function tunmeter(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['dist/cli.js', ...args], {
    env: { ...process.env, ...env },
  })
  return follow(child).finished
}

describe.skipIf(!canMakeCertificates)('with TLS (openssl)', () => {
  const work = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()
  const [certFile, keyFile, caFile] = ['cert.pem', 'key.pem', 'authority.pem'].map((n) =>
    join(work, n),
  ) as [string, string, string]
  let authority: Authority
  let server: TestServer
  let read: string

  const put = ({ cert, key }: Certificate) => {
    writeFileSync(certFile, cert)
    writeFileSync(keyFile, key)
  }
  const shown = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({
        port: Number(new URL(server.url).port),
        host: '127.0.0.1',
        rejectUnauthorized: false,
      })
      socket.once('error', reject)
      socket.once('secureConnect', () => {
        resolve(socket.getPeerCertificate().subject.CN as string)
        socket.destroy()
      })
    })
  const said = (message: string) => server.log.filter((line) => line.includes(message)).length

  beforeAll(async () => {
    authority = new Authority(work)
    writeFileSync(caFile, authority.cert)
    put(authority.issue('first'))
    server = await TestServer.start('--tls-cert', certFile, '--tls-key', keyFile)
    read = await server.key({ scope: 'read', org: 'acme', retentionDays: 30 })
  })
  afterAll(async () => {
    await server.stop()
    execFileSync('rm', ['-r', work])
  })

  test('--ca-file is what export and catalog need', async () => {
    const ask = ['--server', server.url, '--key', read]
    const without = await tunmeter(['catalog', 'show', ...ask])
    expect(without).toMatchObject({ code: 1 })
    expect(without.stderr).toMatch(/cannot reach .*certificate[\s\S]*--ca-file/)
    const plain = ['--server', server.url.replace('https', 'http'), '--key', read]
    const closed = await tunmeter(['catalog', 'show', ...plain])
    expect(closed.stderr).toMatch(/cannot reach http:.*\n.*begins with https:/)
    for (const command of [['catalog', 'show'], ['export']])
      expect(await tunmeter([...command, ...ask, '--ca-file', caFile])).toMatchObject({ code: 0 })
    const wrong = await tunmeter(['export', ...ask, '--ca-file', keyFile])
    expect(wrong).toMatchObject({ code: 2 })
    expect(wrong.stderr).toMatch(/--ca-file .*key\.pem holds no certificate: it holds/)
  })

  test('SIGHUP reads the certificate again; one that is no good changes nothing', async () => {
    expect(await shown()).toBe('first')
    put(authority.issue('second', 'DNS:logs.example.org'))
    server.signal('SIGHUP')
    await until(() => said('certificate reloaded') === 1)
    expect(await shown()).toBe('second')
    writeFileSync(keyFile, 'no key')
    server.signal('SIGHUP')
    await until(() => said('keeping the previous certificate') === 1)
    expect(await shown()).toBe('second')
  })

  test('backup knows the server by its certificate, whatever its name', async () => {
    const output = join(work, 'copy')
    expect(await tunmeter(['backup', '--data', server.data, '--output', output])).toMatchObject({
      code: 0,
    })
    expect(existsSync(join(output, 'sessions.duckdb'))).toBe(true)
  })

  test('backup sends its key to nobody who shows another certificate', async () => {
    const address = join(server.data, 'server.json')
    const right = readFileSync(address, 'utf8')
    const fingerprint = Array(32).fill('AB').join(':')
    writeFileSync(address, JSON.stringify({ ...JSON.parse(right), fingerprint }))
    const refused = await tunmeter(['backup', '--data', server.data, '--output', join(work, 'no')])
    writeFileSync(address, right)
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.stderr).toContain('its certificate is not the one in server.json')
    expect(existsSync(join(work, 'no'))).toBe(false)
  })
})

test('without a certificate SIGHUP changes nothing', async () => {
  const server = await TestServer.start()
  try {
    server.signal('SIGHUP')
    await until(() => server.log.some((line) => line.includes('there is no certificate')))
    expect((await server.get('/healthz')).status).toBe(200)
  } finally {
    await server.stop()
  }
})

test('the server tells systemd that it listens, reloads and stops', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'notify')
  const heard = listenDatagrams(path)
  await until(() => heard.text.includes('listening'))
  const args = ['serve', '--data', join(directory, 'data'), '--listen', '127.0.0.1:0']
  const { child, output, finished } = start(args, { env: { NOTIFY_SOCKET: path } })
  await until(() => heard.text.includes('STATUS=listening on http://127.0.0.1:'))
  expect(heard.text.match(/READY=1/g)).toHaveLength(1)
  expect(output.stderr).toContain('"listening"')
  child.kill('SIGHUP')
  await until(() => (heard.text.match(/READY=1/g) ?? []).length === 2)
  expect(heard.text).toMatch(/RELOADING=1\nMONOTONIC_USEC=\d+\n[\s\S]*READY=1/)
  child.kill('SIGTERM')
  expect((await finished).code).toBe(0)
  await until(() => heard.text.includes('STOPPING=1'))
})

test('a start that fails after the port is open ends, with what to do', async () => {
  const data = temporaryDirectory()
  mkdirSync(join(data, 'server.json'))
  const ended = await tunmeter(['serve', '--data', data, '--listen', '127.0.0.1:0'])
  expect(ended).toMatchObject({ code: 1 })
  expect(ended.stderr).toMatch(/cannot write .*server\.json: EISDIR/)
  expect(ended.stderr).not.toContain('bug')
})
