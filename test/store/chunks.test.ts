/** What goes into DuckDB comes out again: values and nulls, over many chunks, in texts of few and of many words. */
import { expect, test } from 'vitest'
import type { Session } from '../../src/session/session.js'
import { batch, session } from '../support/batches.js'
import { ALWAYS, stored, TestStore } from '../support/store.js'

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
