/**
 * The destination `syslog` into syslog-ng over TLS with a client certificate: every message is in its file, as it was
 * sent, also from a batch that was sent again because syslog-ng was away.
 */
import { expect, onTestFinished, test } from 'vitest'
import { testRow } from '../../src/server/destinations/events.js'
import { syslog } from '../../src/server/destinations/kinds/syslog.js'
import { Authority } from '../support/certificates.js'
import { freePort, SyslogNg } from '../support/syslog-daemons.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const EVENTS = 3000

test('syslog-ng has every message once, also when it was away in between', async () => {
  const directory = temporaryDirectory()
  const authority = new Authority(directory)
  authority.issue('syslog-ng', 'DNS:localhost')
  const client = authority.issue('client', 'DNS:tunmeter')
  const port = await freePort()
  const daemon = new SyslogNg(directory, port)
  await daemon.start(`@version: 3.35
source s { syslog(ip("127.0.0.1") port(${port}) transport("tls") tls(
  cert-file("${directory}/syslog-ng.pem") key-file("${directory}/syslog-ng.key")
  ca-file("${directory}/ca.pem") peer-verify(required-trusted))); };
destination d { file("${daemon.output}" frac-digits(6) time-zone("UTC")
  template("$ISODATE $HOST $PROGRAM $MSGID $MSG\\n")); };
options { keep-hostname(yes); };
log { source(s); destination(d); };
`)
  onTestFinished(() => daemon.stop())

  const open = (secrets: Record<string, string>, clientCert?: string) =>
    syslog.open({
      settings: syslog.settings.parse({
        ...{ url: `tls://localhost:${port}`, hostname: 'gw-berlin', ca: authority.cert },
        clientCert,
      }),
      ...{ secrets, columns: null, version: '1.0.0' },
      guard: { allowPlain: false, allowPrivate: true },
    })
  const receiver = open({ clientKey: client.key }, client.cert)
  const events = Array.from({ length: EVENTS }, (_, i) => JSON.stringify({ i, name: 'Zoë’s' }))
  const send = (from: number, to: number, by = receiver) =>
    by.deliver({
      ...{ id: 'd.1', orgId: 'acme', sinceMs: 0, events: events.slice(from, to) },
      rows: events
        .slice(from, to)
        .map((_, i) => testRow('acme', Date.UTC(2026, 10, 28) * 1e3 + from + i)),
      signal: new AbortController().signal,
    })
  // Without a certificate of its own it is turned away, and nothing counts as delivered.
  expect(await send(0, 1, open({}))).toMatchObject({ kind: 'later' })
  expect(await send(0, EVENTS / 2)).toEqual({ kind: 'delivered', status: null })
  await daemon.stop()
  expect(await send(EVENTS / 2, EVENTS)).toMatchObject({ kind: 'later' })
  await daemon.start()
  expect(await send(EVENTS / 2, EVENTS)).toEqual({ kind: 'delivered', status: null })
  await until(() => daemon.lines().length >= EVENTS)
  const time = (i: number) => `2026-11-28T00:00:00.${String(i).padStart(6, '0')}+00:00`
  expect(daemon.lines()).toEqual(
    events.map((event, i) => `${time(i)} gw-berlin tunmeter session ${event}`),
  )
})
