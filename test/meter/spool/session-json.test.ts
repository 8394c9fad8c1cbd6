import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteWriter } from '../../../src/base/byte-writer.js'
import { writeSession } from '../../../src/meter/spool/session-json.js'
import type { Session } from '../../../src/session/session.js'
import { aSession } from '../../support/sessions.js'

const text = fc.option(fc.string({ unit: 'binary', maxLength: 40 }))
const id = fc.option(fc.maxSafeNat())
const anyChange: fc.Arbitrary<Partial<Session>> = fc.record({
  startTimeUs: fc.maxSafeInteger(),
  handshakeRttUs: id,
  midstream: fc.boolean(),
  peerPublicKey: text,
  clientEndpoint: text,
  clientId: id,
  userId: text,
})

test('sessions are written as JSON.stringify writes them', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { minLength: 1, maxLength: 20 }), (changes) => {
      const sessions = changes.map((change) => aSession(change))
      const out = new ByteWriter()
      for (const session of sessions) writeSession(out, session)
      const want = sessions.map((session) => JSON.stringify(session)).join('')
      expect(Buffer.from(out.take()).toString()).toBe(want)
    }),
  )
})
