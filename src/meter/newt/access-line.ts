/**
 * Parses one line of Newt's log, from a file, `docker logs`, docker's JSON files or journald's JSON.
 *
 *   ACCESS START session=HEX resource=N proto=tcp src=IP:PORT dst=IP:PORT time=RFC3339
 *   ACCESS END session=… resource=… proto=… src=… dst=… started=RFC3339 ended=RFC3339 duration=…
 *   ACCESS END (reaped) …     an idle UDP exchange ended
 *   ACCESS END (shutdown) …   Newt was stopped
 *   Newt version X            first line after the start of Newt
 *
 * Times are whole seconds. The log has no byte counts.
 */
import { isoTimeUs } from '../../session/bounds.js'

export interface AccessStart {
  readonly kind: 'start'
  readonly sessionId: string
  readonly resourceId: number
  readonly protocol: 'tcp' | 'udp'
  readonly sourceAddr: string
  readonly destAddr: string
  readonly startedAt: string
}

export type NewtEndReason = 'endOfFlowDetected' | 'idleTimeout' | 'forcedEnd'

export interface AccessEnd extends Omit<AccessStart, 'kind'> {
  readonly kind: 'end'
  readonly endedAt: string
  readonly endReason: NewtEndReason
}

/** `bad`: an ACCESS line that cannot be read. `other`: any other line. */
export type NewtLine =
  | AccessStart
  | AccessEnd
  | { readonly kind: 'boot' }
  | { readonly kind: 'bad'; readonly why: string }
  | { readonly kind: 'other' }

const OTHER = { kind: 'other' } as const
const ACCESS = /\bACCESS (START|END)(?: \(([^)]*)\))? (.*)$/
const BOOT = /\bNewt version \S/
const ID = /^[\w-]{1,128}$/
const REASONS: Readonly<Record<string, NewtEndReason>> = {
  reaped: 'idleTimeout',
  shutdown: 'forcedEnd',
}

export function readLine(line: string): NewtLine {
  const text = line.startsWith('{') ? messageIn(line) : line
  const access = ACCESS.exec(text)
  if (access === null) return BOOT.test(text) ? { kind: 'boot' } : OTHER
  const [, what, note = '', rest = ''] = access
  return what === 'START' ? start(rest) : end(rest, note)
}

/** The log text in a line of JSON: journald’s MESSAGE (an array of bytes if it is not UTF-8) or docker’s `log`. */
function messageIn(line: string): string {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return line
  }
  const { MESSAGE, log } = value as { MESSAGE?: unknown; log?: unknown }
  if (Array.isArray(MESSAGE)) return Buffer.from(MESSAGE as number[]).toString('utf8')
  const text = MESSAGE ?? log
  return typeof text === 'string' ? text.trimEnd() : ''
}

/** True if a time of day is present, because a time that is cut off may look like a date. */
function isTime(text: string): boolean {
  return text.includes('T') && isoTimeUs(text) !== undefined
}

function valuesOf(rest: string): Map<string, string> {
  return new Map([...rest.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!]))
}

function bad(why: string): NewtLine {
  return { kind: 'bad', why }
}

function start(rest: string): NewtLine {
  const values = valuesOf(rest)
  const common = commonOf(values, values.get('time'), 'time')
  return typeof common === 'string' ? bad(common) : { kind: 'start', ...common }
}

function end(rest: string, note: string): NewtLine {
  const values = valuesOf(rest)
  const common = commonOf(values, values.get('started'), 'started')
  if (typeof common === 'string') return bad(common)
  const endedAt = values.get('ended') ?? ''
  if (!isTime(endedAt)) return bad('ended is no time')
  // `duration` is the last field, so a line without it is cut off.
  if (!values.has('duration')) return bad('duration is missing')
  const endReason = REASONS[note] ?? 'endOfFlowDetected'
  return { kind: 'end', ...common, endedAt, endReason }
}

/** The fields that START and END have in common, or the fault in them. */
function commonOf(
  values: ReadonlyMap<string, string>,
  startedAt = '',
  timeName = '',
): Omit<AccessStart, 'kind'> | string {
  const sessionId = values.get('session') ?? ''
  const resource = values.get('resource') ?? ''
  const protocol = values.get('proto')
  const sourceAddr = values.get('src') ?? ''
  const destAddr = values.get('dst') ?? ''
  if (!ID.test(sessionId)) return 'session is no id'
  if (!/^\d{1,15}$/.test(resource)) return 'resource is no number'
  if (protocol !== 'tcp' && protocol !== 'udp') return 'proto is neither tcp nor udp'
  if (sourceAddr === '' || destAddr === '') return 'src or dst is missing'
  if (!isTime(startedAt)) return `${timeName} is no time`
  return { sessionId, resourceId: Number(resource), protocol, sourceAddr, destAddr, startedAt }
}
