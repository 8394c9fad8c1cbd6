/**
 * Words for the outcome of a session. Zeek's connState and IPFIX's end reason are exact but not
 * English; the drawer shows both. Red (`wrong`) marks failed attempts, amber (`warn`) sessions that
 * did not end normally.
 */
import type { ConnState, EndReason, Protocol } from './session.js'

export type Tone = 'open' | 'plain' | 'warn' | 'wrong'

export interface Outcome {
  readonly key: OutcomeKey
  readonly label: string
  readonly tone: Tone
  /** One sentence about the packets seen. */
  readonly detail: string
}

/** One key for each label and detail, for pages in other languages. */
export const OUTCOME_WORDS = {
  noAnswer: { label: 'No answer', detail: 'The source asked; the destination never answered.' },
  refused: { label: 'Refused', detail: 'The destination refused the connection.' },
  givenUp: {
    label: 'Given up',
    detail: 'The source asked and aborted before the destination answered.',
  },
  notClosed: { label: 'Not closed', detail: 'Set up, and no end of it was seen.' },
  closed: { label: 'Closed', detail: 'Set up and closed normally by both ends.' },
  closedBySource: {
    label: 'Half closed',
    detail: 'The source closed its side; the destination did not close its own.',
  },
  closedByDest: {
    label: 'Half closed',
    detail: 'The destination closed its side; the source did not close its own.',
  },
  resetBySource: { label: 'Reset by source', detail: 'Set up, then aborted by the source.' },
  resetByDest: { label: 'Reset by dest', detail: 'Set up, then aborted by the destination.' },
  resetUnasked: {
    label: 'Reset by dest',
    detail: 'The destination answered and aborted; the request itself was not seen.',
  },
  sourceOnly: {
    label: 'One-sided',
    detail: 'The source opened and closed; nothing of the destination was seen.',
  },
  destOnly: { label: 'One-sided', detail: 'Only the destination was seen.' },
  joinedLate: {
    label: 'Joined late',
    detail: 'It was under way before the meter saw its first packet.',
  },
  /** Access logs have the times of a session, but no outcome. */
  ended: { label: 'Ended', detail: 'Its source does not tell how it ended.' },
  answered: { label: 'Answered', detail: 'Both sides sent datagrams.' },
  interrupted: {
    label: 'Interrupted',
    detail:
      'The meter stopped reporting while the session was open; counted up to its last report.',
  },
  open: { label: 'Open', detail: 'Still open at the latest report of the meter.' },
  meterStopped: { label: 'Meter stopped', detail: 'Open when the meter was stopped.' },
  cutShort: {
    label: 'Cut short',
    detail: 'The flow table was full, and this session had been idle longest. Raise --flows-max.',
  },
}
export type OutcomeKey = keyof typeof OUTCOME_WORDS

const BY_STATE: Readonly<Record<ConnState, readonly [OutcomeKey, Tone]>> = {
  S0: ['noAnswer', 'wrong'],
  REJ: ['refused', 'wrong'],
  RSTOS0: ['givenUp', 'wrong'],
  S1: ['notClosed', 'plain'],
  SF: ['closed', 'plain'],
  S2: ['closedBySource', 'plain'],
  S3: ['closedByDest', 'plain'],
  RSTO: ['resetBySource', 'warn'],
  RSTR: ['resetByDest', 'warn'],
  RSTRH: ['resetUnasked', 'warn'],
  SH: ['sourceOnly', 'warn'],
  SHR: ['destOnly', 'warn'],
  OTH: ['joinedLate', 'plain'],
}

interface OutcomeFields {
  readonly protocol: Protocol
  readonly connState: ConnState | null
  readonly endReason: EndReason
  readonly interrupted: boolean
}

export function outcomeOf(row: OutcomeFields): Outcome {
  const [key, tone] = keyOf(row)
  return { key, tone, ...OUTCOME_WORDS[key] }
}

function keyOf(row: OutcomeFields): readonly [OutcomeKey, Tone] {
  if (row.interrupted) return ['interrupted', 'warn']
  if (row.endReason === 'activeTimeout') return ['open', 'open']
  const byState = row.connState === null ? (['ended', 'plain'] as const) : BY_STATE[row.connState]
  const failed = byState[1] === 'wrong'
  if (!failed && row.endReason === 'forcedEnd') return ['meterStopped', 'warn']
  if (!failed && row.endReason === 'lackOfResources') return ['cutShort', 'warn']
  if (row.protocol === 'udp' && row.connState === 'SF') return ['answered', 'plain']
  return byState
}

export const CONN_STATE_LABELS: Readonly<Record<ConnState, string>> = {
  SF: 'Closed or answered',
  S0: 'No answer',
  REJ: 'Refused',
  S1: 'Not closed',
  S2: 'Half closed by source',
  S3: 'Half closed by dest',
  RSTO: 'Reset by source',
  RSTR: 'Reset by dest',
  RSTOS0: 'Given up before an answer',
  RSTRH: 'Reset by dest, half seen',
  SH: 'One-sided, source',
  SHR: 'One-sided, dest',
  OTH: 'Joined late',
}

export const END_REASON_TEXTS: Readonly<Record<EndReason, string>> = {
  idleTimeout: 'no packet for as long as the idle timeout',
  activeTimeout: 'still open (interim report)',
  endOfFlowDetected: 'both sides closed, or a reset',
  forcedEnd: 'the meter was stopped',
  lackOfResources: 'the flow table was full',
}
