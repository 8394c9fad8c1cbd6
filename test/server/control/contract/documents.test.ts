/** Documents of organisations: bounded, durable, and gone with their owner or organisation. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Control } from '../../../../src/server/control/control.js'
import type { DocumentPlace } from '../../../../src/server/control/documents.js'
import { type ControlPlace, overControls } from './controls.js'

overControls((makePlace) => {
  let place: ControlPlace
  let control: Control
  beforeEach(async () => {
    place = await makePlace()
    control = await place.open()
    for (const org of ['acme', 'acme-2', 'other']) await control.putOrg(org)
  })
  afterEach(async () => {
    await control.close()
    await place.remove()
  })

  const ROOM = { ofOwner: 10, ofOrg: 10 }
  const at = (change: Partial<DocumentPlace> = {}): DocumentPlace => ({
    ...{ kind: 'view', orgId: 'acme', owner: 'k', id: 'a', ...change },
  })
  const put = (change: Partial<DocumentPlace>, value: unknown, bounds = ROOM) =>
    control.documents.put(at(change), value, bounds)
  const of = (orgId = 'acme', owner = 'k') => control.documents.of('view', orgId, owner)

  test('are of one kind, organisation and owner, in order, replaced in place, and durable', async () => {
    await put({ id: 'b' }, { n: 1 })
    await put({ id: 'a' }, { n: 2 })
    await put({ id: 'b' }, { n: 3, text: 'ä\u0000' })
    await put({ orgId: 'acme-2' }, 'of another organisation')
    await put({ owner: 'k2' }, 'of another owner')
    await put({ kind: 'alert', owner: '' }, 'of another kind')
    await control.close()
    control = await place.open()
    expect(await of()).toEqual([{ n: 2 }, { n: 3, text: 'ä\u0000' }])
    expect(await control.documents.all('view')).toHaveLength(4)
    expect(await control.documents.all('alert')).toEqual(['of another kind'])
    expect(await control.documents.remove(at())).toBe(true)
    expect(await control.documents.remove(at())).toBe(false)
    expect(await of()).toHaveLength(1)
  })

  test('are bounded for an owner and for an organisation, of each kind alone', async () => {
    const bounds = { ofOwner: 2, ofOrg: 3 }
    const all = await Promise.all(['a', 'b', 'c'].map((id) => put({ id }, id, bounds)))
    expect(all.filter(Boolean)).toHaveLength(2)
    expect(await put({ owner: 'k2' }, 1, bounds)).toBe(true)
    expect(await put({ owner: 'k3' }, 1, bounds)).toBe(false)
    expect(await put({ kind: 'alert', owner: '' }, 1, bounds)).toBe(true)
    expect(await put({ orgId: 'other' }, 1, bounds)).toBe(true)
    expect(await put({ owner: 'k2' }, 2, bounds)).toBe(true)
  })

  test('go with the revoked key, in every organisation, and with the organisation', async () => {
    const wanted = { scope: 'root', orgId: null, siteId: null, name: 'r', expiresAt: null } as const
    const { keyId } = (await control.createKey(wanted)).record
    for (const orgId of ['acme', 'other']) {
      await put({ orgId, owner: keyId }, 1)
      await put({ orgId }, 2)
    }
    await control.revokeKey(keyId)
    expect([await of('acme', keyId), await of('other', keyId)]).toEqual([[], []])
    await control.removeOrg('acme')
    expect([await of(), await of('other')]).toEqual([[], [2]])
    await expect(put({}, 3)).rejects.toMatchObject({ code: 'ORG_REMOVED' })
  })
})
