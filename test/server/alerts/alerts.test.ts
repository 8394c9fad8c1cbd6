/** Alerts on a real store: what they find, what they send, and what they remember. */
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLogger } from '../../../src/base/log.js'
import {
  type AlertEvent,
  type WantedAlert,
  wantedAlertSchema,
} from '../../../src/server/alerts/alert.js'
import { Alerts, SENT_OF_ORG_MAX } from '../../../src/server/alerts/alerts.js'
import { Mailer } from '../../../src/server/alerts/mail.js'
import { subjectOf, textOf } from '../../../src/server/alerts/message.js'
import { LmdbControl } from '../../../src/server/control/lmdb/lmdb-control.js'
import { Secrets } from '../../../src/server/destinations/secrets.js'
import { judgeSites } from '../../../src/server/http/site-completeness.js'
import type { Session } from '../../../src/session/session.js'
import { batch, report, session } from '../../support/batches.js'
import { Receiver } from '../../support/receiver.js'
import { NO_SMTP, SmtpServer } from '../../support/smtp.js'
import { TestStore } from '../../support/store.js'

const MINUTE = 60e3
const START_MS = Date.parse('2026-11-22T12:00:00Z')
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

let t: TestStore
let control: LmdbControl
let receiver: Receiver
let alerts: Alerts
let nowMs: number
let batches: number

beforeEach(async () => {
  nowMs = START_MS
  batches = 0
  t = await TestStore.open()
  t.nowUs = nowMs * 1e3
  control = new LmdbControl(join(t.directory, 'control'))
  for (const org of ['acme', 'other']) await control.putOrg(org, { retentionDays: -1 })
  receiver = await Receiver.start()
  alerts = open()
})
afterEach(async () => {
  await alerts.stop()
  await receiver.close()
  await control.close()
  await t.close()
})

function open(mailer: Mailer | null = null, store: Pick<TestStore['store'], 'summary'> = t.store) {
  const clockMs = () => nowMs
  const parts = { store: t.store, control, clockMs, silenceMs: 10 * MINUTE }
  return new Alerts({
    ...{ store, control, clockMs, mailer, log: createLogger('silent') },
    secrets: new Secrets(t.directory),
    guard: { allowPlain: true, allowPrivate: true },
    judge: async (orgId, range, siteIds, signal) => {
      const { sites, named } = await judgeSites(parts as never, orgId, range, siteIds, { signal })
      return { sites, names: named.names }
    },
  })
}

/** Sessions that began a minute ago. */
async function send(count: number, change: Partial<Session> = {}, skip = 0): Promise<void> {
  batches += 1 + skip
  const startTimeUs = (nowMs - MINUTE) * 1e3
  const sessions = Array.from({ length: count }, (_, i) =>
    session(batches * 1000 + i, { startTimeUs, endTimeUs: startTimeUs + 1e6, ...change }),
  )
  const at = report({ at: new Date(nowMs).toISOString() })
  await t.send('acme', 1, batch(batches, sessions, { report: at }))
}

const wanted = (change: object = {}): WantedAlert =>
  wantedAlertSchema.parse({
    ...{ name: 'Many', query: 'range=7d', everyMinutes: 5 },
    condition: { kind: 'count', over: 10, withinMinutes: 30 },
    to: { kind: 'webhook', url: receiver.url },
    ...change,
  })
async function minutes(n: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    nowMs += MINUTE
    t.nowUs = nowMs * 1e3
    await alerts.round()
    await alerts.sent()
  }
}
const texts = () =>
  receiver.requests.map(({ text }) =>
    JSON.parse(text).events.map((e: { what: string; text: string }) => `${e.what}: ${e.text}`),
  )

describe('a condition', () => {
  test('on sessions: begins once, ends once, also over a restart', async () => {
    await alerts.create('acme', wanted({ query: 'clientId=1' }))
    await send(10)
    await send(30, { clientId: 2 })
    await minutes(2)
    expect(texts()).toEqual([])
    await send(2)
    await minutes(3)
    await alerts.stop()
    alerts = open()
    await minutes(3)
    expect(texts()).toEqual([['begins: 12 sessions in 30 minutes, more than 10']])
    await minutes(30)
    expect(texts()[1]).toEqual(['ends: 12 sessions in 30 minutes, more than 10'])
    expect(texts()).toHaveLength(2)
  })

  test('on bytes: both directions', async () => {
    const condition = { kind: 'bytes', over: 999_999, withinMinutes: 60 }
    await alerts.create('acme', wanted({ condition }))
    await send(1, { bytesTx: 400_000, bytesRx: 599_999 })
    await minutes(1)
    expect(texts()).toEqual([])
    await send(1, { bytesTx: 1, bytesRx: 0 })
    await minutes(1)
    expect(texts()).toEqual([['begins: 1,000,000 bytes in 60 minutes, more than 999,999']])
  })

  test('on a new value: only one that was never there before, once', async () => {
    await send(3, { clientId: 1, startTimeUs: (nowMs - 40 * 86400e3) * 1e3 })
    const condition = { kind: 'newValue', of: 'client' }
    await alerts.create('acme', wanted({ condition, query: 'port=443' }))
    await minutes(2)
    await send(3, { clientId: 1 })
    await send(3, { clientId: 5, destPort: 80 })
    await minutes(1)
    expect(texts()).toEqual([])
    await send(3, { clientId: 5 })
    await minutes(3)
    expect(texts()).toEqual([['begins: client 5 for the first time']])
  })

  test('on silence and on a hole: of the sites of the view', async () => {
    await send(1)
    nowMs += 5 * MINUTE
    await alerts.create('acme', wanted({ name: 'S', condition: { kind: 'silence' }, query: '' }))
    await alerts.create('acme', wanted({ name: 'H', condition: { kind: 'hole' }, query: '' }))
    await alerts.create('acme', wanted({ condition: { kind: 'silence' }, query: 'siteId=2' }))
    await minutes(2)
    expect(texts()).toEqual([])
    await send(1, {}, 1)
    await minutes(2)
    expect(texts()).toEqual([
      [expect.stringMatching(/^begins: site 1: (batches that have not come|missing), /)],
    ])
    await minutes(20)
    expect(texts().slice(1)).toEqual([[expect.stringMatching(/^begins: site 1 is silent since/)]])
    await send(1)
    await minutes(6)
    expect(texts()[2]).toEqual([expect.stringMatching(/^ends: site 1 is silent since/)])
  })

  test('on a hole: once, also when the last day begins within it', async () => {
    await send(1)
    nowMs += 5 * MINUTE
    await alerts.create('acme', wanted({ condition: { kind: 'hole' }, query: '' }))
    const [from, to] = [nowMs + 10 * MINUTE, nowMs + 190 * MINUTE]
    nowMs = to
    const gap = { reason: 'interfaceGone', sessions: 0, interface: 'wg0' }
    const span = { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
    const its = report({ at: new Date(nowMs).toISOString() })
    await t.send('acme', 1, batch(++batches, [], { report: its, gaps: [{ ...gap, ...span }] }))
    await minutes(1)
    expect(texts()).toEqual([[expect.stringMatching(/^begins: site 1: interface gone, /)]])
    nowMs = from + 24 * 60 * MINUTE
    for (let quarter = 0; quarter < 14; quarter++) {
      nowMs += 14 * MINUTE
      await minutes(1)
    }
    expect(texts()).toHaveLength(1)
  })

  test('that is changed while it is evaluated begins anew', async () => {
    const condition = { kind: 'count', over: 10, withinMinutes: 60 }
    const { record } = await alerts.create('acme', wanted({ condition }))
    await send(20)
    await minutes(1)
    let isChanged = false
    const slow: Pick<TestStore['store'], 'summary'> = {
      summary: async (...asked) => {
        const answer = await t.store.summary(...asked)
        const fewer = { condition: { ...condition, over: 5 } }
        if (!isChanged) await alerts.replace('acme', record.id, wanted(fewer))
        isChanged = true
        return answer
      },
    }
    await alerts.stop()
    alerts = open(null, slow)
    await minutes(6)
    expect(texts()).toEqual([
      [expect.stringContaining('more than 10')],
      [expect.stringContaining('more than 5')],
    ])
  })
})

describe('a message', () => {
  test('is in the language of its alert: findings, their end, and the test', async () => {
    const language = 'de'
    const condition = { kind: 'bytes', over: 1_000_000, withinMinutes: 12 }
    const { record } = await alerts.create('acme', wanted({ condition, language }))
    for (const kind of ['hole', 'silence'])
      await alerts.create('acme', wanted({ condition: { kind }, query: '', language }))
    await send(1, { bytesTx: 1_500_000, bytesRx: 0 })
    await send(1, { bytesTx: 1, bytesRx: 0 }, 1)
    await minutes(16)
    const told = texts()
      .flat()
      .map((text: string) => text.replace(/\d{4}-\S+Z/g, 'ZEIT'))
    // Messages of several alerts leave at the same time.
    expect(told.sort()).toEqual([
      'begins: 1.500.001 Bytes in 12 Minuten, mehr als 1.000.000',
      'begins: Standort 1 schweigt seit ZEIT (Messgerät meter-1)',
      'begins: Standort 1: Lieferungen nicht angekommen, ZEIT bis ZEIT',
      'ends: 1.500.001 Bytes in 12 Minuten, mehr als 1.000.000',
    ])
    await alerts.test('acme', record.id)
    expect(texts().at(-1)).toEqual([expect.stringContaining('Dies ist ein Test')])
    const message = {
      ...{ id: 'm', leftOut: 3 },
      events: ['begins', 'ends'].map((what) => ({ at: 'ZEIT', what, text: 'x' }) as AlertEvent),
    }
    expect(subjectOf(record, message)).toBe('tunmeter: Many: x (und 1 weitere)')
    expect(textOf(record, message)).toBe(
      'Warnung „Many“ von acme:\n\nZEIT  x\nZEIT  vorbei: x\nund 3 weitere\n',
    )
  })

  test('is signed as in Standard Webhooks, and repeated with the same id until it is taken', async () => {
    await alerts.create('acme', wanted({ secrets: { secret: SECRET } }))
    receiver.reply = () => ({ status: 500, text: 'not now' })
    await send(20)
    await minutes(1)
    const [first] = await alerts.of('acme')
    expect(first!.state.lastFault?.text).toBe('500 not now')
    receiver.reply = () => ({ status: 200 })
    await minutes(10)
    const ids = receiver.requests.map(({ headers }) => headers['webhook-id'])
    expect(ids).toEqual([`${first!.record.id}_1`, `${first!.record.id}_1`])
    const { text, headers } = receiver.requests[1]!
    const told = new Webhook(SECRET).verify(text, headers as Record<string, string>)
    expect(told).toMatchObject({ type: 'tunmeter.alert', org: 'acme', name: 'Many', leftOut: 0 })
  })

  test('waits for the end of quiet hours, and then has everything', async () => {
    const quiet = { from: '12:00', to: '13:00', timeZone: 'UTC' }
    await alerts.create('acme', wanted({ quiet }))
    await send(20)
    await minutes(59)
    expect(texts()).toEqual([])
    await minutes(1)
    expect(texts()).toEqual([
      [expect.stringMatching(/^begins: 20 sessions/), expect.stringMatching(/^ends: 20 sessions/)],
    ])
  })

  test('comes at most 60 times an hour to an organisation, whatever its alerts want', async () => {
    const { record } = await alerts.create('acme', wanted())
    for (let i = 0; i < SENT_OF_ORG_MAX; i++)
      expect(await alerts.test('acme', record.id)).toBeNull()
    expect(await alerts.test('acme', record.id)).toBe('at most 60 messages an hour')
    nowMs += 60 * MINUTE
    expect(await alerts.test('acme', record.id)).toBeNull()
    expect(receiver.requests).toHaveLength(SENT_OF_ORG_MAX + 1)
  })

  test.skipIf(NO_SMTP)('goes by e-mail through an SMTP server', async () => {
    const smtp = await SmtpServer.start()
    try {
      const url = `smtp://127.0.0.1:${smtp.port}`
      await alerts.stop()
      alerts = open(new Mailer({ url, from: 'tunmeter@example.org' }))
      const to = { kind: 'email', addresses: ['ada@example.org', 'grace@example.org'] }
      const name = 'Viele Sitzungen für „Ada“'
      await alerts.create('acme', wanted({ to, name, link: 'https://logs.example.org/?q=x' }))
      await send(20)
      await minutes(2)
      const [mail, ...others] = smtp.mails()
      expect(others).toEqual([])
      expect(mail).toMatch(/^From: tunmeter@example.org$/m)
      expect(mail).toMatch(/^To: ada@example.org, grace@example.org$/m)
      expect(mail).toMatch(/^Subject: =\?UTF-8\?/m)
      expect(mail).toMatch(/^Auto-Submitted: auto-generated$/m)
      expect(mail).toContain('20 sessions in 30 minutes, more than 10')
      expect(mail).toContain('https://logs.example.org/?q=3Dx')
    } finally {
      await smtp.stop()
    }
    const [left] = await alerts.of('acme')
    expect(await alerts.test('acme', left!.record.id)).toMatch(/ECONNREFUSED/)
  })
})

test('an organisation with slow alerts delays its own only', async () => {
  const asked: string[] = []
  const slow = {
    summary: async (orgId: string, ...rest: [never, { signal: AbortSignal }]) => {
      asked.push(orgId)
      if (orgId === 'acme') await new Promise((done) => setImmediate(done))
      return t.store.summary(orgId, ...rest)
    },
  }
  await alerts.stop()
  alerts = open(null, slow as never)
  for (let i = 0; i < 5; i++) await alerts.create('acme', wanted())
  await alerts.create('other', wanted())
  await alerts.round()
  expect(asked.indexOf('other')).toBeLessThan(2)
  expect(asked).toHaveLength(6)
})

test('what cannot work is refused, and secrets do not follow another address', async () => {
  const refused = (change: object) => alerts.create('acme', wanted(change)).catch((e) => e.message)
  expect(await refused({ condition: { kind: 'hole' }, query: 'clientId=1' })).toContain('siteId')
  expect(await refused({ to: { kind: 'email', addresses: ['a@example.org'] } })).toContain(
    '--smtp-url',
  )
  const { record } = await alerts.create('acme', wanted({ secrets: { secret: SECRET } }))
  const to = { kind: 'webhook', url: 'https://elsewhere.example.org/' }
  await expect(alerts.replace('acme', record.id, wanted({ to }))).rejects.toThrow('expected it')
  await expect(alerts.get('other', record.id)).rejects.toThrow('no alert')
  for (let n = 1; n < 20; n++) await alerts.create('acme', wanted())
  await expect(alerts.create('acme', wanted())).rejects.toMatchObject({ code: 'TOO_MANY_ALERTS' })
  await control.removeOrg('acme')
  await alerts.round()
  expect(await control.documents.all('alertState')).toEqual([])
})
