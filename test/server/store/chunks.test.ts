/** What goes into DuckDB comes out again: values and nulls, over many chunks, in texts of few and of many words. */
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { MIGRATIONS } from '../../../src/server/store/duckdb/schema/schema.js'
import { appendTo, SessionRows } from '../../../src/server/store/duckdb/write/chunks.js'
import type { Session } from '../../../src/session/session.js'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, stored, TestStore } from '../../support/store.js'

test('sessions of several chunks come back as they were', { timeout: 60_000 }, async () => {
  const store = await TestStore.open()
  try {
    const sessions = Array.from({ length: 6000 }, (_, i): Session => {
      const some = (n: number, of: number) => i % of === n
      return session(i + 1, {
        startTimeUs: 1_700_000_000_000_000 + i,
        endTimeUs: 1_700_000_000_000_000 + 2 * i,
        protocol: some(0, 2) ? 'udp' : 'tcp',
        sourceIp: `10.8.${i >> 8}.${i & 255}`,
        // Headers of exactly one byte less, as many, and more than the usual.
        bytesTx: 520,
        packetsTx: 10,
        payloadTx: (some(0, 2) ? 240 : 0) + (i % 3),
        handshakeRttUs: some(1, 3) ? null : i,
        clientId: i < 64 || some(3, 65) ? null : i,
        userId: i >= 4096 ? null : `user ${i % 7}`,
        siteResourceId: null,
        peerPublicKey: some(0, 5) ? null : `key ${i}`,
        clientEndpoint: some(1, 64) ? null : `192.0.2.${i % 200}:1`,
        unattributed: some(0, 64) ? 'noMatch' : null,
        midstream: some(2, 3),
        seenTwice: some(0, 3) ? null : some(1, 3),
        connState: some(0, 4) ? 'S0' : 'SF',
      })
    })
    await store.send('acme', 1, batch(1, sessions))
    const ascending = { key: 'startTime', descending: false } as const
    const found: unknown[] = []
    for await (const rows of store.store.rows('acme', ALWAYS, ascending)) found.push(...rows)
    expect(found).toHaveLength(6000)
    for (const [i, given] of sessions.entries())
      expect(found[i], `session ${i}`).toMatchObject(stored(given, 'acme', 1, 'meter-1'))
  } finally {
    await store.close()
  }
})

test('texts that DuckDB would make equal words of do not bring it down', async () => {
  const store = await TestStore.open()
  try {
    const users = ['a\0b', 'a\0c', 'half \ud800', 'half \ud801', 'anna']
    const place = { orgId: 'acme', siteId: 1, meterId: 'meter-1' }
    const sessions = Array.from({ length: 20 }, (_, i) => ({
      ...session(i + 1),
      ...place,
      userId: users[i % users.length]!,
    }))
    await store.store.writeLoose('acme', 1, sessions)
    expect(await store.store.count('acme', ALWAYS)).toBe(20)
  } finally {
    await store.close()
  }
})

test('an append that fails leaves nothing behind, not even when its appender is collected', async () => {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const count = async (): Promise<unknown> =>
    (await connection.runAndReadAll('SELECT count(*) FROM session')).getRows()[0]![0]
  try {
    for (const migration of MIGRATIONS) await connection.run(migration)
    const sessions = Array.from({ length: 3000 }, (_, i) =>
      stored(session(i + 1), 'acme', 1, 'meter-1'),
    )
    // In the second chunk: no whole number can be made of it.
    const bad = sessions.with(2500, { ...sessions[2500]!, bytesTx: 1e300 })
    // In a function of its own: nothing of it may stay in reach.
    const fail = async (): Promise<string> => {
      const batches = new Float64Array(bad.length)
      try {
        const rows = new SessionRows(bad)
        await appendTo(connection, 'session', (appender) => rows.appendTo(appender, batches))
        return 'no error'
      } catch (error) {
        return String(error)
      }
    }
    await connection.run('BEGIN')
    expect(await fail()).toContain('type mismatch')
    await connection.run('ROLLBACK')
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    for (let i = 0; i < 10; i++) {
      collect()
      // What is collected is given back in turns of their own.
      await setTimeout(10)
    }
    expect(await count()).toBe(0n)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
})
