/** Keys, organisations and removals: a revocation is for ever, whatever happens beside it. */
import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Control, hashKey, REVOKED_KEPT } from '../../../../src/server/control/control.js'
import { GRACE_MS } from '../../../../src/server/control/retention-grace.js'
import { until } from '../../../support/until.js'
import { type ControlPlace, overControls } from './controls.js'

const NOW_MS = Date.parse('2026-01-01T00:00:00Z')

overControls((makePlace) => {
  let place: ControlPlace
  let control: Control

  beforeEach(async () => {
    place = await makePlace()
    control = await place.open()
  })
  afterEach(async () => {
    await control.close()
    await place.remove()
  })

  const newKey = (name: string, orgId: string | null = 'acme', siteId: number | null = null) =>
    control.createKey({
      ...{ orgId, siteId, name, expiresAt: null },
      scope: orgId === null ? 'root' : siteId === null ? 'read' : 'ingest',
    })

  describe('a key', () => {
    test('is valid at once, also after a restart, until it expires', async () => {
      expect(await control.hasKeys()).toBe(false)
      const expiresAt = new Date(NOW_MS + 1000).toISOString()
      const wanted = { scope: 'admin', orgId: 'acme', siteId: null, name: 'me', expiresAt } as const
      const { key, record } = await control.createKey(wanted)
      expect(record).toMatchObject({ ...wanted, hash: hashKey(key), revokedAt: null })
      for (let i = 0; i < 2; i++) {
        expect(control.check(key, NOW_MS)).toEqual({ ok: true, key: record })
        expect(control.check(key, NOW_MS + 1000)).toMatchObject({ reason: 'keyExpired' })
        expect(control.check(`${key.slice(0, -1)}!`, NOW_MS)).toEqual({
          ...{ ok: false, reason: 'keyUnknown' },
        })
        expect(control.key(record.keyId)).toEqual(record)
        expect(await control.hasKeys()).toBe(true)
        await control.close()
        control = await place.open()
      }
    })

    test('is revoked for ever, also when it is used at the same moment', async () => {
      for (let turns = 0; turns < 40; turns++) {
        const { key, record } = await newKey(`reader ${turns}`)
        const revoking = control.revokeKey(record.keyId)
        // A request that comes at any moment of it.
        for (let i = 0; i < turns % 8; i++) await immediate()
        control.used(record, '10.0.0.1', NOW_MS)
        await revoking
        await control.putOrg('acme')
        expect(control.check(key, NOW_MS), `${turns}`).toMatchObject({ reason: 'keyRevoked' })
      }
    })

    test('is revoked once, and removed only when it is revoked', async () => {
      const { key, record } = await newKey('reader')
      expect(await control.forgetKey(record.keyId)).toEqual(record)
      expect(control.check(key, NOW_MS)).toMatchObject({ ok: true })
      const revoked = await control.revokeKey(record.keyId)
      expect(revoked?.revokedAt).not.toBeNull()
      expect((await control.revokeKey(record.keyId))?.revokedAt).toBe(revoked?.revokedAt)
      expect(await control.forgetKey(record.keyId)).toMatchObject({ keyId: record.keyId })
      expect(control.check(key, NOW_MS)).toEqual({ ok: false, reason: 'keyUnknown' })
      expect(await control.keys()).toEqual([])
      expect(await control.revokeKey(record.keyId)).toBeUndefined()
      expect(await control.forgetKey(record.keyId)).toBeUndefined()
    })

    test('is known by its first and last characters', async () => {
      for (let i = 0; i < 50; i++) {
        const { key, record } = await newKey('reader')
        const [first = '', last = ''] = record.shown!.split('…')
        expect([first.length, last.length]).toEqual(['tm_read_'.length + 4, 4])
        expect(key.startsWith(first) && key.endsWith(last)).toBe(true)
        expect(control.key(record.keyId)?.shown).toBe(record.shown)
      }
    })

    test('shows its last use and from where, once a minute', async () => {
      const { record } = await newKey('reader')
      expect(control.key(record.keyId)?.lastUsedAt).toBeNull()
      for (const afterMs of [0, 59_000, 61_000]) {
        control.used(record, `10.0.0.${afterMs / 1000}`, NOW_MS + afterMs)
        const written = afterMs < 60_000 ? 0 : afterMs
        const lastUsedAt = new Date(NOW_MS + written).toISOString()
        const lastUsedFrom = `10.0.0.${written / 1000}`
        await expect.poll(() => control.keys('acme')).toMatchObject([{ lastUsedAt, lastUsedFrom }])
      }
    })

    test('is new in a network once', async () => {
      const { record } = await newKey('reader')
      expect(await control.isNewNetwork(record, '10.0.0.1')).toBe(true)
      await until(async () => !(await control.isNewNetwork(record, '10.0.0.1')))
      expect(await control.isNewNetwork(record, '2001:db8::/64')).toBe(true)
    })
  })

  describe('keys of an organisation', () => {
    test('do not mix with those of one whose name begins alike, or with root keys', async () => {
      for (const orgId of ['a', 'ab', 'a-b', null]) await newKey(String(orgId), orgId)
      for (const orgId of ['a', 'ab', 'a-b'])
        expect((await control.keys(orgId)).map((k) => k.name)).toEqual([orgId])
      expect(await control.keys()).toHaveLength(4)
      expect(await control.countKeys('a')).toBe(1)
    })

    test('are revoked with their site', async () => {
      const [one, two] = [await newKey('one', 'acme', 1), await newKey('two', 'acme', 2)]
      expect((await control.closeSite('acme', 1)).map((k) => k.name)).toEqual(['one'])
      expect(await control.closeSite('acme', 1)).toEqual([])
      expect(control.check(one.key, NOW_MS)).toMatchObject({ reason: 'keyRevoked' })
      expect(control.check(two.key, NOW_MS)).toMatchObject({ ok: true })
      expect(await control.countKeys('acme')).toBe(1)
    })

    test('are forgotten when they are revoked and too many, never a valid one', async () => {
      const valid = await newKey('stays')
      const revoked: string[] = []
      for (let i = 0; i <= REVOKED_KEPT; i++) {
        const { key, record } = await newKey(`key ${i}`)
        await control.revokeKey(record.keyId)
        revoked.push(key)
      }
      expect(control.check(revoked[0]!, NOW_MS)).toEqual({ ok: false, reason: 'keyUnknown' })
      expect(control.check(revoked[1]!, NOW_MS)).toMatchObject({ reason: 'keyRevoked' })
      expect(control.check(valid.key, NOW_MS)).toMatchObject({ ok: true })
      expect(await control.keys('acme')).toHaveLength(REVOKED_KEPT + 1)
    }, 60_000)
  })

  describe('an organisation', () => {
    test('is created by its first key, and changed in parts', async () => {
      await newKey('reader')
      expect(control.org('acme')).toMatchObject({ orgId: 'acme', name: null, retentionDays: 0 })
      await control.putOrg('acme', { name: 'Acme' })
      await control.putOrg('acme', { retentionDays: 30 })
      const kept = { name: 'Acme', retentionDays: 30 }
      expect(control.org('acme')).toMatchObject(kept)
      await control.close()
      control = await place.open()
      expect(control.orgs()).toMatchObject([kept])
      await expect(control.putOrg('a/b')).rejects.toMatchObject({ code: 'BAD_ORG' })
    })

    test('with a shortened retention deletes a day later, or at once', async () => {
      await control.putOrg('acme', { retentionDays: 30 })
      await control.putOrg('acme', { retentionDays: 7 }, { nowMs: NOW_MS })
      expect(control.org('acme')?.grace).toEqual({ days: 30, untilMs: NOW_MS + GRACE_MS })
      await control.putOrg('acme', { retentionDays: 3 }, { nowMs: NOW_MS, deletesNow: true })
      expect(control.org('acme')?.grace).toBeUndefined()
    })

    test('is removed with its keys; its name is free when its data and its trail are gone', async () => {
      const { key } = await newKey('reader')
      await newKey('other', 'other')
      await control.audit.record({
        ...{ event: 'keyCreated', atMs: NOW_MS, trail: 'acme', address: null, by: null, facts: {} },
      })
      expect(await control.removeOrg('acme', NOW_MS)).toBe(1)
      expect(await control.removeOrg('acme', NOW_MS)).toBeUndefined()
      expect(control.org('acme')).toBeUndefined()
      expect(control.check(key, NOW_MS)).toEqual({ ok: false, reason: 'keyUnknown' })
      expect(await control.removals.going()).toEqual(['acme'])
      const refused = { code: 'ORG_REMOVED' }
      await expect(control.putOrg('acme')).rejects.toMatchObject(refused)
      await control.orgIsGone('acme')
      expect(await control.removals.going()).toEqual([])
      await expect(control.putOrg('acme')).rejects.toMatchObject(refused)
      await control.audit.expire((trail) => (trail === 'acme' ? NOW_MS + 1 : null))
      expect(await control.putOrg('acme')).toMatchObject({ name: null })
      expect((await control.keys()).map((k) => k.name)).toEqual(['other'])
    })
  })

  test('a removed meter or site is removed until it reports again', async () => {
    await control.removals.add('acme', 1, 'gate', NOW_MS)
    await control.removals.add('acme', 2, undefined, NOW_MS)
    await control.removals.add('other', 3, undefined, NOW_MS)
    const removedMs = await control.removals.of('acme')
    const heard = (siteId: number, meterId: string, receivedMs: number) =>
      removedMs({ siteId, meterId, receivedMs })
    expect(heard(1, 'gate', NOW_MS)).toBe(NOW_MS)
    expect(heard(1, 'gate', NOW_MS + 1)).toBeUndefined()
    expect(heard(1, 'other', NOW_MS - 1)).toBeUndefined()
    expect(heard(2, 'any', NOW_MS - 1)).toBe(NOW_MS)
    expect(heard(3, 'any', NOW_MS - 1)).toBeUndefined()
  })

  test('the last trusted time is kept', async () => {
    expect(await control.believedMs()).toBeUndefined()
    control.noteBelieved(NOW_MS)
    await expect.poll(() => control.believedMs()).toBe(NOW_MS)
    await control.close()
    control = await place.open()
    expect(await control.believedMs()).toBe(NOW_MS)
  })
})
