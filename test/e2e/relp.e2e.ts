/** The destination `syslog` by RELP into rsyslog: every message once, and at least once when rsyslog is killed meanwhile. */
import { expect, onTestFinished, test } from 'vitest'
import { testRow } from '../../src/server/destinations/events.js'
import { syslog } from '../../src/server/destinations/kinds/syslog.js'
import { Authority } from '../support/certificates.js'
import { rounds } from '../support/rounds.js'
import { freePort, Rsyslog } from '../support/syslog-daemons.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const EVENTS = 10_000
const KILLS = rounds(3, 10)
const BATCH = 300

/** Of a receiver that answers when the message is on the disk. */
const DISK_QUEUE = `queue.type="Disk" queue.filename="q" queue.checkpointInterval="1" queue.syncQueueFiles="on"
    queue.size="1000000" queue.maxDiskSpace="1g"`

interface Receiving {
  readonly directory: string
  readonly port: number
  readonly output: string
  readonly queue?: string
  readonly tls?: string
}

function configuration({ directory, port, output, queue = '', tls = '' }: Receiving): string {
  return `global(workDirectory="${directory}" maxMessageSize="64k")
module(load="imrelp" ruleset="in")
template(name="t" type="string" string="%timestamp:::date-rfc3339% %hostname% %app-name% %msgid% %msg%\\n")
ruleset(name="in" ${queue}) {
  action(type="omfile" file="${output}" template="t")
}
input(type="imrelp" port="${port}" address="127.0.0.1" maxDataSize="64k" ${tls})
`
}

function open(url: string, more: object = {}, secrets: Record<string, string> = {}) {
  const receiver = syslog.open({
    settings: syslog.settings.parse({ url, hostname: 'gw-berlin', ...more }),
    ...{ secrets, columns: null, version: '1.0.0' },
    guard: { allowPlain: true, allowPrivate: true },
  })
  const signal = new AbortController().signal
  return (numbers: readonly number[]) =>
    receiver.deliver({
      ...{ id: 'd.1', orgId: 'acme', sinceMs: 0, signal },
      events: numbers.map((n) => JSON.stringify({ n, name: 'Zoë’s' })),
      rows: numbers.map((n) => testRow('acme', Date.UTC(2026, 10, 28) * 1e3 + n)),
    })
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)
const numbersIn = (lines: readonly string[]) =>
  lines.map((line) => (JSON.parse(line.slice(line.indexOf('{'))) as { n: number }).n)

test('over TLS with a client certificate every message arrives once, in order', async () => {
  const directory = temporaryDirectory()
  const authority = new Authority(directory)
  authority.issue('rsyslog', 'DNS:localhost')
  const client = authority.issue('client', 'DNS:tunmeter')
  const port = await freePort()
  const rsyslog = new Rsyslog(directory, port)
  onTestFinished(() => rsyslog.stop())
  const tls = `tls="on" tls.authMode="certvalid" tls.caCert="${directory}/ca.pem"
  tls.myCert="${directory}/rsyslog.pem" tls.myPrivKey="${directory}/rsyslog.key"`
  await rsyslog.start(configuration({ directory, port, output: rsyslog.output, tls }))
  const send = open(
    `relp+tls://localhost:${port}`,
    { ca: authority.cert, clientCert: client.cert },
    { clientKey: client.key },
  )
  for (let from = 0; from < EVENTS; from += 1000)
    expect(await send(numbers(from, 1000))).toEqual({ kind: 'delivered', status: null })
  await until(() => rsyslog.lines().length >= EVENTS)
  expect(numbersIn(rsyslog.lines())).toEqual(numbers(0, EVENTS))
})

test('killed again and again, it has every message at least once', async () => {
  const directory = temporaryDirectory()
  const port = await freePort()
  const rsyslog = new Rsyslog(directory, port)
  onTestFinished(() => rsyslog.stop())
  await rsyslog.start(configuration({ directory, port, output: rsyslog.output, queue: DISK_QUEUE }))
  const send = open(`relp://127.0.0.1:${port}`)
  let next = 0
  let failed = 0
  for (let kill = 0; kill < KILLS; kill++) {
    // Killed in the middle of a batch, which is sent again until it is delivered.
    const sending = send(numbers(next, BATCH))
    const written = rsyslog.lines().length
    await until(() => rsyslog.lines().length > written)
    await rsyslog.stop('SIGKILL')
    const outcome = await sending
    await rsyslog.start()
    if (outcome.kind !== 'delivered') {
      failed++
      expect(outcome.kind).toBe('later')
      expect((await send(numbers(next, BATCH))).kind).toBe('delivered')
    }
    next += BATCH
  }
  const distinct = () => new Set(numbersIn(rsyslog.lines()))
  await until(() => distinct().size === next)
  const lines = rsyslog.lines().length
  process.stdout.write(
    `${KILLS} kills, ${failed} of them in an attempt: ${next} messages, ${lines} lines\n`,
  )
  expect(failed).toBeGreaterThan(0)
})
