/** FlowRecord + Attribution -> Session. */
import { picker } from './field-code.js'
import type { Attribution, FlowRecord, Session } from './session.js'
import { sessionId } from './session-id.js'
import { fieldsFrom } from './session-table.js'

export const UNATTRIBUTED: Attribution = {
  peerPublicKey: null,
  clientEndpoint: null,
  clientId: null,
  userId: null,
  siteResourceId: null,
  unattributed: 'noPeers',
  otherClientId: null,
  otherUserId: null,
  seenTwice: false,
}

type Added = Pick<Session, 'sessionId' | 'connectionCount'>
type Writable<T> = { -readonly [K in keyof T]: T[K] }

const joined = picker<Writable<Session>, [Added, FlowRecord, Attribution]>(
  fieldsFrom('meter'),
  fieldsFrom('engine'),
  fieldsFrom('attribution'),
)

/** @param shiftUs is added to both times (replay with a shifted clock) */
export function makeSession(
  record: FlowRecord,
  attribution: Attribution,
  runPrefix: string,
  shiftUs = 0,
): Session {
  const added = { sessionId: sessionId(runPrefix, record.sequence), connectionCount: 1 }
  const session = joined(added, record, attribution)
  if (shiftUs !== 0) {
    session.startTimeUs += shiftUs
    session.endTimeUs += shiftUs
  }
  return session
}
