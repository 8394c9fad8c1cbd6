/** The destination `syslog` into rsyslog over TLS with a client certificate: every message is in its file, as it was sent. */
import { expect, onTestFinished, test } from 'vitest'
import { testRow } from '../../src/server/destinations/events.js'
import { syslog } from '../../src/server/destinations/kinds/syslog.js'
import { Authority } from '../support/certificates.js'
import { freePort, Rsyslog } from '../support/syslog-daemons.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const EVENTS = 3000

test('rsyslog has every message once, also when it was away in between', async () => {
  const directory = temporaryDirectory()
  const authority = new Authority(directory)
  authority.issue('rsyslog', 'DNS:localhost')
  const client = authority.issue('client', 'DNS:tunmeter')
  const port = await freePort()
  const rsyslog = new Rsyslog(directory, port)
  await rsyslog.start(`global(workDirectory="${directory}" maxMessageSize="64k" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="${directory}/ca.pem"
  defaultNetstreamDriverCertFile="${directory}/rsyslog.pem" defaultNetstreamDriverKeyFile="${directory}/rsyslog.key")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="t" type="string" string="%timestamp:::date-rfc3339% %hostname% %app-name% %msgid% %msg%\\n")
input(type="imtcp" port="${port}" address="127.0.0.1")
action(type="omfile" file="${rsyslog.output}" template="t")
`)
  onTestFinished(() => rsyslog.stop())

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
  await rsyslog.stop()
  expect(await send(EVENTS / 2, EVENTS)).toMatchObject({ kind: 'later' })
  await rsyslog.start()
  expect(await send(EVENTS / 2, EVENTS)).toEqual({ kind: 'delivered', status: null })
  await until(() => rsyslog.lines().length >= EVENTS)
  const time = (i: number) => `2026-11-28T00:00:00.${String(i).padStart(6, '0')}`
  // The zone is written as this machine's.
  expect(rsyslog.lines().map((line) => line.replace(/^(\S{26})\S*/, '$1'))).toEqual(
    events.map((event, i) => `${time(i)} gw-berlin tunmeter session ${event}`),
  )
})
