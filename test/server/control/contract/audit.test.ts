/** The audit trail: what is added stays as it was, in order, within bounds that noise cannot turn on others. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AuditBounds, AuditTrail } from '../../../../src/server/control/audit.js'
import type { AuditEvent, AuditEventName } from '../../../../src/server/control/audit-event.js'
import { OPEN_OF_A_KEY_MAX } from '../../../../src/server/control/audit-repeats.js'
import type { Control } from '../../../../src/server/control/control.js'
import { type ControlPlace, overControls } from './controls.js'

const NOW_MS = Date.now()
const iso = (ms: number) => new Date(ms).toISOString()
const DAY_MS = 86400e3
const by = { keyId: 'k1', name: 'me', scope: 'admin' } as const

function event(given: Partial<AuditEvent> & { event: AuditEventName }): AuditEvent {
  return { atMs: NOW_MS, trail: 'acme', address: '10.0.0.7', by, facts: {}, ...given }
}
const small = (entries: number, bytes: number, allBytes = 2 ** 30): AuditBounds => ({
  entries: [entries, entries, entries],
  bytes: [bytes, bytes, bytes],
  allBytes,
})

overControls((makePlace) => {
  let place: ControlPlace
  let control: Control
  let audit: AuditTrail

  beforeEach(async () => {
    place = await makePlace()
    await open()
  })
  afterEach(async () => {
    await control.close()
    await place.remove()
  })

  async function open(bounds?: AuditBounds): Promise<void> {
    await control?.close()
    control = await place.open(bounds)
    audit = control.audit
  }
  const all = async (trail = 'acme') => (await audit.page(trail, { limit: 10_000 })).entries

  test('an entry is there when record() resolves, of its trail alone, and outlives the process', async () => {
    await audit.record(event({ event: 'keyCreated', facts: { keyId: 'k2' } }))
    await audit.record(event({ event: 'backupMade', trail: '' }))
    expect(await all()).toEqual([
      {
        id: 1,
        at: iso(NOW_MS),
        event: 'keyCreated',
        count: 1,
        until: null,
        address: '10.0.0.7',
        by: 'k1',
        byName: 'me',
        scope: 'admin',
        facts: { keyId: 'k2' },
      },
    ])
    await open()
    await audit.record(event({ event: 'keyRevoked' }))
    expect((await all()).map((e) => e.id)).toEqual([3, 1])
    expect((await all('')).map((e) => e.event)).toEqual(['backupMade'])
  })

  describe('pages', () => {
    beforeEach(async () => {
      for (let i = 0; i < 30; i++) {
        const name = (['keyCreated', 'signedIn', 'keyRefused'] as const)[i % 3]!
        await audit.record(event({ event: name, atMs: NOW_MS + i * 1000, facts: { i } }))
      }
    })

    test('follow one another through all kinds, newest first, each entry once', async () => {
      const seen: unknown[] = []
      let before: number | null | undefined
      while (before !== null) {
        const page = await audit.page('acme', { limit: 7, ...(before !== undefined && { before }) })
        seen.push(...page.entries.map((e) => e.facts.i))
        before = page.next
      }
      expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => 29 - i))
    })

    test('are of what was asked for', async () => {
      const asked = async (query: object) =>
        (await audit.page('acme', { limit: 100, ...query })).entries.map((e) => e.facts.i)
      expect(await asked({ events: ['signedIn'], fromMs: NOW_MS + 20_000 })).toEqual([28, 25, 22])
      expect(await asked({ toMs: NOW_MS + 3000 })).toEqual([2, 1, 0])
      expect(await asked({ keyId: 'k1' })).toHaveLength(30)
      expect(await asked({ keyId: 'k2' })).toEqual([])
      expect(await asked({ address: '10.0.0.8' })).toEqual([])
    })
  })

  describe('what is repeated', () => {
    const refused = (atMs: number, address: string) =>
      event({ event: 'keyRefused', trail: '', by: null, atMs, address, facts: { reason: 'x' } })

    test('is the first time, and then how often again: none is lost', async () => {
      for (let i = 0; i < 1000; i++) audit.note(refused(NOW_MS + i, '10.0.0.0'))
      expect(await all('')).toHaveLength(1)
      await audit.close()
      const [again, first] = await all('')
      expect([first?.count, again?.count]).toEqual([1, 999])
      expect([again?.at, again?.until]).toEqual([iso(NOW_MS + 1), iso(NOW_MS + 999)])
    })

    test('from more networks than are told apart is counted together', async () => {
      const networks = 5 * OPEN_OF_A_KEY_MAX
      for (let n = 0; n < networks; n++)
        for (let i = 0; i < 3; i++) audit.note(refused(NOW_MS, `2001:db8:0:${n}::/64`))
      await audit.close()
      const entries = await all('')
      expect(entries.length).toBeLessThanOrEqual(2 * (OPEN_OF_A_KEY_MAX + 1))
      expect(entries.reduce((n, e) => n + e.count, 0)).toBe(3 * networks)
      expect(entries.some((e) => e.facts.others === true && e.address === null)).toBe(true)
    })

    test('a query that comes again with a later range is one; sums are sums', async () => {
      for (const rows of [1, 2, 3])
        audit.note(
          event({
            event: 'personQueried',
            facts: { filter: { clientId: '7' }, from: `from ${rows}`, to: `to ${rows}`, rows },
          }),
        )
      for (const sessions of [10, 20, 30])
        audit.note(event({ event: 'sessionsExpired', by: null, facts: { sessions } }))
      await audit.close()
      expect((await all()).map((e) => [e.event, e.count, e.facts])).toEqual([
        ['sessionsExpired', 2, { sessions: 50 }],
        ['personQueried', 2, { filter: { clientId: '7' }, from: 'from 2', to: 'to 3', rows: 3 }],
        ['sessionsExpired', 1, { sessions: 10 }],
        ['personQueried', 1, { filter: { clientId: '7' }, from: 'from 1', to: 'to 1', rows: 1 }],
      ])
    })

    test('a narrow read that comes again after a wide one does not hide it', async () => {
      const read = (from: string, to: string, rows: number, whole: boolean) =>
        audit.note(event({ event: 'exportEnded', facts: { filter: {}, from, to, rows, whole } }))
      for (const [from, to, rows, whole] of [
        ...[['2020', '2021', 0, true] as const, ['2020', '2021', 0, true] as const],
        ...[['1970', '2100', 201, false] as const, ['2020', '2021', 0, true] as const],
      ])
        read(from, to, rows, whole)
      await audit.close()
      const [again] = await all()
      expect([again?.count, again?.facts]).toEqual([
        3,
        { filter: {}, from: '1970', to: '2100', rows: 201, whole: false },
      ])
    })

    test('of one key, too many to tell apart leave it named, and hide no other key and no other event', async () => {
      const asked = (keyId: string, n: number, name: AuditEventName = 'personQueried') =>
        event({ event: name, by: { keyId, name: keyId, scope: 'read' }, facts: { n } })
      for (let n = 0; n < OPEN_OF_A_KEY_MAX + 5; n++) audit.note(asked('noisy', n))
      audit.note(asked('noisy', 7, 'exportStarted'))
      audit.note(asked('other', 7))
      await audit.close()
      const others = (await all()).filter((e) => e.facts.others === true)
      expect(others.map((e) => [e.by, e.count])).toEqual([
        ['noisy', 4],
        ['noisy', 1],
      ])
      const told = (await all()).filter((e) => e.facts.n === 7)
      expect(told.map((e) => [e.event, e.by])).toEqual([
        ['personQueried', 'other'],
        ['exportStarted', 'noisy'],
        ['personQueried', 'noisy'],
      ])
    })
  })

  describe('bounds', () => {
    test('of a kind: its oldest go, counted; other kinds and trails keep theirs', async () => {
      await open(small(10, 2 ** 20))
      await audit.record(event({ event: 'keyCreated' }))
      await audit.record(event({ event: 'keyCreated', trail: 'other' }))
      for (let i = 0; i < 25; i++)
        await audit.record(event({ event: 'signInRefused', facts: { i } }))
      const page = await audit.page('acme', { limit: 100 })
      expect(page.entries.map((e) => e.facts.i ?? e.event)).toEqual([
        ...Array.from({ length: 10 }, (_, i) => 24 - i),
        'keyCreated',
      ])
      expect(page.dropped).toBe(15)
      expect(await audit.page('other', { limit: 100 })).toMatchObject({ dropped: 0 })
    })

    test('of bytes, and of all trails together: the largest gives way', async () => {
      await open(small(1000, 2 ** 20, 50_000))
      await audit.record(event({ event: 'keyCreated', trail: 'small' }))
      for (let i = 0; i < 100; i++)
        await audit.record(
          event({ event: 'catalogReplaced', facts: { text: ['x'.repeat(200), i] } }),
        )
      const kept = await all()
      expect(JSON.stringify(kept).length).toBeLessThan(51_000)
      expect(kept.length).toBeGreaterThan(50)
      expect(kept[0]?.facts.text).toEqual(['x'.repeat(200), 99])
      expect(await all('small')).toHaveLength(1)
    })

    test('of one entry, whatever is in it', async () => {
      const huge = { list: Array.from({ length: 5000 }, () => 'é'.repeat(5000)), small: 1 }
      let deep: object = { end: true }
      for (let i = 0; i < 100; i++) deep = { deep }
      await audit.record(event({ event: 'catalogReplaced', facts: { ...huge, deep } }))
      const [entry] = await all()
      expect(JSON.stringify(entry).length).toBeLessThan(20_000)
      expect(entry?.facts).toMatchObject({ small: 1, cut: true })
    })

    test('of age: of each trail its own', async () => {
      for (const trail of ['acme', 'for-ever'])
        for (const days of [500, 401, 399, 1])
          await audit.record(
            event({ event: 'keyCreated', trail, atMs: NOW_MS - days * DAY_MS, facts: { days } }),
          )
      const cut = (trail: string) => (trail === 'for-ever' ? null : NOW_MS - 400 * DAY_MS)
      expect(await audit.expire(cut)).toBe(2)
      expect((await all()).map((e) => e.facts.days)).toEqual([1, 399])
      expect(await all('for-ever')).toHaveLength(4)
      expect((await audit.page('acme', { limit: 1 })).dropped).toBe(0)
    })
  })
})
