/**
 * Words for the outcome of a session. Zeek's connState and IPFIX's end reason are exact but not
 * English; the drawer shows both. Red (`wrong`) marks failed attempts, amber (`warn`) sessions that
 * did not end normally.
 */
import type { ConnState, EndReason, Protocol } from './session.js'

export type Tone = 'open' | 'plain' | 'warn' | 'wrong'

export interface Outcome {
  readonly label: string
  readonly tone: Tone
  /** One sentence about the packets seen. */
  readonly detail: string
}

const BY_STATE: Readonly<Record<ConnState, Outcome>> = {
  S0: {
    label: 'No answer',
    tone: 'wrong',
    detail: 'The source asked; the destination never answered.',
  },
  REJ: { label: 'Refused', tone: 'wrong', detail: 'The destination refused the connection.' },
  RSTOS0: {
    label: 'Given up',
    tone: 'wrong',
    detail: 'The source asked and aborted before the destination answered.',
  },
  S1: { label: 'Not closed', tone: 'plain', detail: 'Set up, and no end of it was seen.' },
  SF: { label: 'Closed', tone: 'plain', detail: 'Set up and closed normally by both ends.' },
  S2: {
    label: 'Half closed',
    tone: 'plain',
    detail: 'The source closed its side; the destination did not close its own.',
  },
  S3: {
    label: 'Half closed',
    tone: 'plain',
    detail: 'The destination closed its side; the source did not close its own.',
  },
  RSTO: { label: 'Reset by source', tone: 'warn', detail: 'Set up, then aborted by the source.' },
  RSTR: {
    label: 'Reset by dest',
    tone: 'warn',
    detail: 'Set up, then aborted by the destination.',
  },
  RSTRH: {
    label: 'Reset by dest',
    tone: 'warn',
    detail: 'The destination answered and aborted; the request itself was not seen.',
  },
  SH: {
    label: 'One-sided',
    tone: 'warn',
    detail: 'The source opened and closed; nothing of the destination was seen.',
  },
  SHR: {
    label: 'One-sided',
    tone: 'warn',
    detail: 'Only the destination was seen.',
  },
  OTH: {
    label: 'Joined late',
    tone: 'plain',
    detail: 'It was under way before the meter saw its first packet.',
  },
}

/** Access logs have the times of a session, but no outcome. */
const UNKNOWN: Outcome = {
  label: 'Ended',
  tone: 'plain',
  detail: 'Its source does not tell how it ended.',
}

const UDP_ANSWERED: Outcome = {
  label: 'Answered',
  tone: 'plain',
  detail: 'Both sides sent datagrams.',
}

interface OutcomeFields {
  readonly protocol: Protocol
  readonly connState: ConnState | null
  readonly endReason: EndReason
  readonly interrupted: boolean
}

export function outcomeOf(row: OutcomeFields): Outcome {
  if (row.interrupted) {
    return {
      label: 'Interrupted',
      tone: 'warn',
      detail:
        'The meter stopped reporting while the session was open; counted up to its last report.',
    }
  }
  if (row.endReason === 'activeTimeout') {
    return { label: 'Open', tone: 'open', detail: 'Still open at the latest report of the meter.' }
  }
  const byState = row.connState === null ? UNKNOWN : BY_STATE[row.connState]
  const failed = byState.tone === 'wrong'
  if (!failed && row.endReason === 'forcedEnd') {
    return { label: 'Meter stopped', tone: 'warn', detail: 'Open when the meter was stopped.' }
  }
  if (!failed && row.endReason === 'lackOfResources') {
    return {
      label: 'Cut short',
      tone: 'warn',
      detail: 'The flow table was full, and this session had been idle longest. Raise --flows-max.',
    }
  }
  if (row.protocol === 'udp' && row.connState === 'SF') return UDP_ANSWERED
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

const END_REASON_TEXTS: Readonly<Record<string, string>> = {
  idleTimeout: 'no packet for as long as the idle timeout',
  activeTimeout: 'still open (interim report)',
  endOfFlowDetected: 'both sides closed, or a reset',
  forcedEnd: 'the meter was stopped',
  lackOfResources: 'the flow table was full',
}

export function endReasonText(reason: string): string {
  const text = END_REASON_TEXTS[reason]
  return text === undefined ? reason : `${reason}: ${text}`
}
