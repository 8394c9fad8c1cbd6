/** The lmdb file: a full disk, files of earlier versions, and many keys. */
import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { hashKey, type KeyRecord, REVOKED_KEPT } from '../../../src/server/control/control.js'
import { openControlFile } from '../../../src/server/control/lmdb/control-file.js'
import { LmdbControl } from '../../../src/server/control/lmdb/lmdb-control.js'
import { temporaryDirectory } from '../../support/temporary.js'

const NOW_MS = Date.parse('2026-01-01T00:00:00Z')

function newKey(control: LmdbControl, name: string) {
  return control.createKey({ scope: 'read', orgId: 'acme', siteId: null, name, expiresAt: null })
}

/** In a mount namespace: a disk of 1 MiB is filled; what is written then fails; afterwards there is space again. */
const FULL_DISK = `
  import { rmSync, statfsSync, writeFileSync } from 'node:fs'
  import { LmdbControl } from './src/server/control/lmdb/lmdb-control.ts'
  const [directory = ''] = process.argv.slice(1)
  const control = new LmdbControl(directory)
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
  const revokedOf = async (control: LmdbControl, orgId: string) =>
    (await control.keys(orgId)).filter((k) => k.revokedAt !== null)

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
    let control = new LmdbControl(directory)
    const { key, record } = await newKey(control, 'reader')
    await control.close()
    // As a file of an earlier version has them: without an index.
    await makeRevoked(directory, 'evil', 10 * REVOKED_KEPT)
    control = new LmdbControl(directory)
    try {
      expect((await control.keys('acme')).map((k) => k.keyId)).toEqual([record.keyId])
      expect(control.check(key, NOW_MS)).toMatchObject({ ok: true })
      expect(await control.keys()).toHaveLength(REVOKED_KEPT + 1)
      const kept = (await revokedOf(control, 'evil')).map((k) => Number(k.keyId.slice(4)))
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
    const control = new LmdbControl(directory)
    try {
      const valid = await newKey(control, 'stays')
      const { key, record } = await newKey(control, 'last')
      await control.revokeKey(record.keyId)
      expect(await revokedOf(control, 'acme')).toHaveLength(REVOKED_KEPT)
      expect(control.check(key, NOW_MS)).toMatchObject({ reason: 'keyRevoked' })
      expect(control.check('old 1', NOW_MS)).toMatchObject({ reason: 'keyRevoked' })
      expect(control.check('old 0', NOW_MS)).toMatchObject({ reason: 'keyUnknown' })
      expect(control.check(valid.key, NOW_MS)).toMatchObject({ ok: true })
      expect(await control.countKeys('acme')).toBe(1)
    } finally {
      await control.close()
    }
  })
})
