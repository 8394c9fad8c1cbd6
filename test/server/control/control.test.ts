/** Keys and organisations in their file: a revocation is for ever, whatever happens beside it. */
import { execFileSync } from 'node:child_process'
import { setImmediate as immediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { hashKey, type KeyRecord, REVOKED_KEPT } from '../../../src/server/control/control.js'
import { openControlFile } from '../../../src/server/control/lmdb/control-file.js'
import { Control } from '../../../src/server/control/lmdb/lmdb-control.js'
import { temporaryDirectory } from '../../support/temporary.js'

const NOW_MS = Date.parse('2026-01-01T00:00:00Z')

function newKey(control: Control, name: string) {
  return control.createKey({ scope: 'read', orgId: 'acme', siteId: null, name, expiresAt: null })
}

describe('a key', () => {
  test('is revoked for ever, also when it is used at the same moment', async () => {
    const control = new Control(temporaryDirectory())
    try {
      for (let turns = 0; turns < 40; turns++) {
        const { key, record } = await newKey(control, `reader ${turns}`)
        const revoking = control.revokeKey(record.keyId)
        // A request that comes at any moment of it.
        for (let i = 0; i < turns % 8; i++) await immediate()
        control.used(record, '10.0.0.1', NOW_MS)
        await revoking
        await control.putOrg('acme')
        expect(control.check(key, NOW_MS), `${turns}`).toMatchObject({ reason: 'keyRevoked' })
      }
    } finally {
      await control.close()
    }
  })

  test('is known by its first and last characters', async () => {
    const control = new Control(temporaryDirectory())
    try {
      for (let i = 0; i < 50; i++) {
        const { key, record } = await newKey(control, 'reader')
        const [first = '', last = ''] = record.shown!.split('…')
        expect([first.length, last.length]).toEqual(['tm_read_'.length + 4, 4])
        expect(key.startsWith(first) && key.endsWith(last)).toBe(true)
        expect(control.key(record.keyId)?.shown).toBe(record.shown)
      }
    } finally {
      await control.close()
    }
  })

  test('shows its last use and from where, once a minute', async () => {
    const control = new Control(temporaryDirectory())
    try {
      const { record } = await newKey(control, 'reader')
      expect(control.key(record.keyId)?.lastUsedAt).toBeNull()
      for (const afterMs of [0, 59_000, 61_000]) {
        control.used(record, `10.0.0.${afterMs / 1000}`, NOW_MS + afterMs)
        const written = afterMs < 60_000 ? 0 : afterMs
        const lastUsedAt = new Date(NOW_MS + written).toISOString()
        const lastUsedFrom = `10.0.0.${written / 1000}`
        await expect.poll(() => control.keys('acme')).toMatchObject([{ lastUsedAt, lastUsedFrom }])
      }
    } finally {
      await control.close()
    }
  })
})

/** In a mount namespace: a disk of 1 MiB is filled; what is written then fails; afterwards there is space again. */
const FULL_DISK = `
  import { rmSync, statfsSync, writeFileSync } from 'node:fs'
  import { Control } from './src/server/control/lmdb/lmdb-control.ts'
  const [directory = ''] = process.argv.slice(1)
  const control = new Control(directory)
  const { record } = await control.createKey({ scope: 'read', orgId: 'acme', siteId: null, name: 'k', expiresAt: null })
  const { bavail, bsize } = statfsSync(directory)
  writeFileSync(directory + '/filler', Buffer.alloc(bavail * bsize))
  const codes = []
  for (let i = 0; i < 200 && codes.length < 3; i++) {
    control.used(record, '10.0.0.1', i * 61_000)
    await control.putOrg('org' + i, { name: 'x'.repeat(4000) }).catch((error) => codes.push(error.code))
  }
  rmSync(directory + '/filler')
  await control.putOrg('after')
  console.log(JSON.stringify({ codes, after: control.org('after').orgId }))
  await control.close()
`

test.skipIf(process.getuid?.() !== 0)(
  'a full disk is said, ends nothing, and is over when there is space',
  () => {
    const directory = temporaryDirectory()
    const script = `mount -t tmpfs -o size=1m none "$0" && exec ${process.execPath} --import tsx --input-type=module -e "$1" "$0"`
    const out = execFileSync('unshare', ['-m', 'sh', '-c', script, directory, FULL_DISK], {
      encoding: 'utf8',
    })
    expect(JSON.parse(out)).toEqual({
      codes: ['STORE_FULL', 'STORE_FULL', 'STORE_FULL'],
      after: 'after',
    })
  },
)

describe('keys of an organisation', () => {
  const revokedOf = (control: Control, orgId: string) =>
    control.keys(orgId).filter((k) => k.revokedAt !== null)

  /** So many, in one transaction: each alone would be a sync of the disk. */
  async function makeRevoked(directory: string, orgId: string, many: number): Promise<void> {
    const file = openControlFile(directory)
    const keys = file.openDB<KeyRecord, string>('key', { encoding: 'json' })
    const hashes = file.openDB<string, string>('keyHash', { encoding: 'json' })
    file.transactionSync(() => {
      for (let i = 0; i < many; i++) {
        const at = new Date(NOW_MS + i * 1000).toISOString()
        const [keyId, hash] = [`old-${i}`, hashKey(`old ${i}`)]
        const record = { keyId, hash, scope: 'read', orgId, siteId: null, name: keyId }
        keys.put(keyId, {
          ...record,
          createdAt: at,
          expiresAt: null,
          revokedAt: at,
          lastUsedAt: at,
        } as KeyRecord)
        hashes.put(hash, keyId)
      }
    })
    await file.close()
  }

  test('are no matter of other organisations, and of the revoked ones the newest stay', async () => {
    const directory = temporaryDirectory()
    let control = new Control(directory)
    const { key, record } = await newKey(control, 'reader')
    await control.close()
    // As a file of an earlier version has them: without an index.
    await makeRevoked(directory, 'evil', 10 * REVOKED_KEPT)
    control = new Control(directory)
    try {
      expect(control.keys('acme').map((k) => k.keyId)).toEqual([record.keyId])
      expect(control.check(key, NOW_MS)).toMatchObject({ ok: true })
      expect(control.keys()).toHaveLength(REVOKED_KEPT + 1)
      const kept = revokedOf(control, 'evil').map((k) => Number(k.keyId.slice(4)))
      expect([Math.max(...kept), Math.min(...kept)]).toEqual([
        10 * REVOKED_KEPT - 1,
        9 * REVOKED_KEPT,
      ])
      expect(control.check('old 1999', NOW_MS)).toMatchObject({ reason: 'keyRevoked' })
      expect(control.check('old 0', NOW_MS)).toMatchObject({ reason: 'keyUnknown' })
    } finally {
      await control.close()
    }
  })

  test('are forgotten as further ones are revoked, never a valid one', async () => {
    const directory = temporaryDirectory()
    await makeRevoked(directory, 'acme', REVOKED_KEPT)
    const control = new Control(directory)
    try {
      const valid = await newKey(control, 'stays')
      const { key, record } = await newKey(control, 'last')
      await control.revokeKey(record.keyId)
      expect(revokedOf(control, 'acme')).toHaveLength(REVOKED_KEPT)
      expect(control.check(key, NOW_MS)).toMatchObject({ reason: 'keyRevoked' })
      expect(control.check('old 1', NOW_MS)).toMatchObject({ reason: 'keyRevoked' })
      expect(control.check('old 0', NOW_MS)).toMatchObject({ reason: 'keyUnknown' })
      expect(control.check(valid.key, NOW_MS)).toMatchObject({ ok: true })
      expect(control.countKeys('acme')).toBe(1)
    } finally {
      await control.close()
    }
  })

  test('do not mix with those of an organisation whose name begins alike, or with root keys', async () => {
    const control = new Control(temporaryDirectory())
    try {
      for (const orgId of ['a', 'ab', 'a-b', null])
        await control.createKey({
          scope: orgId === null ? 'root' : 'read',
          orgId,
          siteId: null,
          name: String(orgId),
          expiresAt: null,
        })
      for (const orgId of ['a', 'ab', 'a-b'])
        expect(control.keys(orgId).map((k) => k.name)).toEqual([orgId])
      expect(control.keys()).toHaveLength(4)
    } finally {
      await control.close()
    }
  })
})
