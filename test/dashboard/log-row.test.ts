/** The row as the dashboard's code has it is the row as the API's schema has it: names, and what may be null. */
import { expect, test } from 'vitest'
import type { LogRow } from '../../src/dashboard/api/types.js'
import { logRowSchema } from '../../src/server/http/schemas.js'

/** The compiler holds this to LogRow; the test holds it to the schema. */
type Nullability = { [K in keyof LogRow]: null extends LogRow[K] ? 'nullable' : 'always' }

const ROW: Nullability = {
  timestamp: 'always',
  protocol: 'always',
  siteResourceId: 'nullable',
  clientId: 'nullable',
  clientEndpoint: 'nullable',
  userId: 'nullable',
  sourceAddr: 'always',
  destAddr: 'always',
  duration: 'nullable',
  bytesTx: 'nullable',
  bytesRx: 'nullable',
  sessionId: 'always',
  orgId: 'nullable',
  siteId: 'nullable',
  meterId: 'nullable',
  startTime: 'always',
  endTime: 'always',
  packetsTx: 'nullable',
  packetsRx: 'nullable',
  payloadTx: 'nullable',
  payloadRx: 'nullable',
  endReason: 'always',
  connState: 'nullable',
  tcpFlagsTx: 'nullable',
  tcpFlagsRx: 'nullable',
  handshakeRttUs: 'nullable',
  directionBasis: 'nullable',
  midstream: 'always',
  connectionCount: 'always',
  peerPublicKey: 'nullable',
  clientName: 'nullable',
  userName: 'nullable',
  userEmail: 'nullable',
  resourceName: 'nullable',
  siteName: 'nullable',
  otherClientName: 'nullable',
  otherClientId: 'nullable',
  otherUserId: 'nullable',
  seenTwice: 'nullable',
  unattributed: 'nullable',
  communityId: 'nullable',
  retransmitsTx: 'nullable',
  retransmitsRx: 'nullable',
  retransmittedBytesTx: 'nullable',
  retransmittedBytesRx: 'nullable',
  goodputTx: 'nullable',
  goodputRx: 'nullable',
  startedAt: 'always',
  endedAt: 'nullable',
  interrupted: 'always',
}

test('row fields', () => {
  const actual = Object.fromEntries(
    Object.entries(logRowSchema.shape).map(([name, schema]) => [
      name,
      schema.safeParse(null).success ? 'nullable' : 'always',
    ]),
  )
  expect(actual).toEqual(ROW)
})
