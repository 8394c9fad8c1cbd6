/** The destination `syslog` into rsyslog over TLS with a client certificate: every message is in its file, as it was sent. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { testRow } from '../../src/server/destinations/events.js'
import { syslog } from '../../src/server/destinations/kinds/syslog.js'
import { Authority } from '../support/certificates.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const EVENTS = 3000

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => done(true))
    socket.once('error', () => done(false)).once('connect', () => socket.destroy())
  })
}

test('rsyslog has every message once, also when it was away in between', async () => {
  const directory = temporaryDirectory()
  const authority = new Authority(directory)
  authority.issue('rsyslog', 'DNS:localhost')
  const client = authority.issue('client', 'DNS:tunmeter')
  const [port, output] = [await freePort(), join(directory, 'out.log')]
  const configuration = join(directory, 'rsyslog.conf')
  writeFileSync(
    configuration,
    `global(workDirectory="${directory}" maxMessageSize="64k" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="${directory}/ca.pem"
  defaultNetstreamDriverCertFile="${directory}/rsyslog.pem" defaultNetstreamDriverKeyFile="${directory}/rsyslog.key")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="t" type="string" string="%timestamp:::date-rfc3339% %hostname% %app-name% %msgid% %msg%\\n")
input(type="imtcp" port="${port}" address="127.0.0.1")
action(type="omfile" file="${output}" template="t")
`,
  )
  let daemon: ChildProcess
  const start = async () => {
    const modules = process.env.RSYSLOG_MODULES
    const more = modules === undefined ? [] : ['-M', modules]
    const args = ['-n', '-f', configuration, '-i', join(directory, 'pid'), ...more]
    daemon = spawn('rsyslogd', args, { stdio: 'inherit' })
    await until(() => answers(port))
  }
  const stop = async () => {
    const ended = once(daemon, 'exit')
    daemon.kill('SIGTERM')
    await ended
  }
  await start()
  onTestFinished(stop)

  const receiver = syslog.open({
    settings: syslog.settings.parse({
      url: `tls://localhost:${port}`,
      hostname: 'gw-berlin',
      ca: authority.cert,
      clientCert: client.cert,
    }),
    secrets: { clientKey: client.key },
    guard: { allowPlain: false, allowPrivate: true },
    columns: null,
    version: '1.0.0',
  })
  const events = Array.from({ length: EVENTS }, (_, i) => JSON.stringify({ i, name: 'Zoë’s' }))
  const send = (from: number, to: number) =>
    receiver.deliver({
      id: 'd.1',
      orgId: 'acme',
      sinceMs: 0,
      events: events.slice(from, to),
      rows: events
        .slice(from, to)
        .map((_, i) => testRow('acme', Date.UTC(2026, 10, 28) * 1e3 + from + i)),
      signal: new AbortController().signal,
    })
  expect(await send(0, EVENTS / 2)).toEqual({ kind: 'delivered', status: null })
  await stop()
  expect(await send(EVENTS / 2, EVENTS)).toMatchObject({ kind: 'later' })
  await start()
  expect(await send(EVENTS / 2, EVENTS)).toEqual({ kind: 'delivered', status: null })
  const lines = () => (existsSync(output) ? readFileSync(output, 'utf8').trim().split('\n') : [])
  await until(() => lines().filter((line) => line.includes(' tunmeter session ')).length >= EVENTS)
  const own = lines().filter((line) => line.includes(' tunmeter session '))
  const time = (i: number) => `2026-11-28T00:00:00.${String(i).padStart(6, '0')}`
  // The zone is written as this machine's.
  expect(own.map((line) => line.replace(/^(\S{26})\S*/, '$1'))).toEqual(
    events.map((event, i) => `${time(i)} gw-berlin tunmeter session ${event}`),
  )
})
