/**
 * Sessions as a table for people: client, resource, time, bytes each way and result. Empty columns (no catalog, no
 * names) are left out. A narrow terminal loses columns, but always shows client, resource and result; 80 columns have
 * room for time and bytes too. Times are local, and the heading names the zone.
 */
import { localDay, localTime, zoneAt } from '../../base/local-time.js'
import { type Column, type TableOptions, TextTable } from '../../base/text-table.js'
import { durationSeconds, type SessionRow } from '../../session/fields.js'
import { isHourlySum, NOT_KEPT } from '../../session/log-rule.js'
import { outcomeOf } from '../../session/outcome.js'
import { formatEndpoint, type Session } from '../../session/session.js'
import { humanBytes, humanSeconds } from './human.js'
import type { RowWriter } from './row-writer.js'

/** Names are not cut below this many characters, because shorter ones are not recognisable. */
const NAME_MIN = 12

/** The fields of a session that the table shows, from a meter or from a server. */
export interface ShownSession
  extends Pick<Session, 'protocol' | 'endReason'>,
    Pick<SessionRow, 'clientName' | 'userName' | 'userId' | 'resourceName'> {
  readonly startTimeMs: number
  /** Duration; null while the session is open. */
  readonly seconds: number | null
  readonly sourceIp: string
  readonly sourceAddr: string
  readonly destAddr: string
  /** Null in a session from an access log without byte counts. */
  readonly bytesTx: number | null
  readonly bytesRx: number | null
  readonly connState: Session['connState'] | null
  readonly interrupted: boolean
}

type SessionColumn = Column<ShownSession>

/** The start with and without the year. The title names the zone if all rows so far share one. */
function timeColumns(): { started: SessionColumn; day: SessionColumn } {
  const zones = new Set<string>()
  const column = (format: (ms: number) => string): SessionColumn => ({
    get title() {
      return `STARTED ${zones.size === 1 ? [...zones][0] : 'local'}`
    },
    style: 'dim',
    read: ({ startTimeMs }) => {
      zones.add(zoneAt(startTimeMs))
      return format(startTimeMs)
    },
  })
  return { started: column(localTime), day: column((ms) => localDay(new Date(ms))) }
}

const CLIENT: SessionColumn = {
  title: 'CLIENT',
  optional: true,
  shrinksTo: NAME_MIN,
  style: 'cyan',
  read: (r) => r.clientName ?? '',
}
const USER: SessionColumn = {
  title: 'USER',
  optional: true,
  shrinksTo: NAME_MIN,
  read: (r) => r.userName ?? r.userId ?? '',
}
const SOURCE: SessionColumn = { title: 'SOURCE', style: 'dim', read: (r) => r.sourceAddr }
const RESOURCE: SessionColumn = {
  title: 'RESOURCE',
  optional: true,
  shrinksTo: NAME_MIN,
  style: 'green',
  read: (r) => r.resourceName ?? '',
}
const DESTINATION: SessionColumn = { title: 'DESTINATION', style: 'dim', read: (r) => r.destAddr }
/** For narrow tables: the name, or the address of a client without one. */
const WHO: SessionColumn = {
  title: 'CLIENT',
  shrinksTo: NAME_MIN,
  style: 'cyan',
  read: (r) => r.clientName ?? r.sourceIp,
  whole: (r) => r.clientName === null,
}
const WHAT: SessionColumn = {
  title: 'RESOURCE',
  shrinksTo: NAME_MIN,
  style: 'green',
  read: (r) => r.resourceName ?? r.destAddr,
  whole: (r) => r.resourceName === null,
}
const PROTO: SessionColumn = { title: 'PROTO', read: (r) => r.protocol }
const DURATION: SessionColumn = {
  title: 'DURATION',
  align: 'right',
  read: (r) => humanSeconds(r.seconds),
}
const bytes = (count: number | null): string => (count === null ? '-' : humanBytes(count))
const SENT: SessionColumn = {
  title: 'SENT',
  align: 'right',
  widest: '1.00 kB'.length,
  style: 'bold',
  read: (r) => bytes(r.bytesTx),
}
const RECEIVED: SessionColumn = {
  title: 'RECEIVED',
  align: 'right',
  style: 'bold',
  read: (r) => bytes(r.bytesRx),
}
const RESULT: SessionColumn = {
  title: 'RESULT',
  widest: 'Reset by source'.length,
  read: (r) => outcomeOf(r).label,
}

function layouts(): SessionColumn[][] {
  const { started, day } = timeColumns()
  const addressed = [CLIENT, SOURCE, RESOURCE, DESTINATION]
  const measured = [DURATION, SENT, RECEIVED, RESULT]
  return [
    [started, CLIENT, USER, SOURCE, RESOURCE, DESTINATION, PROTO, ...measured],
    [started, ...addressed, PROTO, ...measured],
    [day, ...addressed, ...measured],
    [day, WHO, WHAT, ...measured],
    [day, WHO, WHAT, SENT, RECEIVED, RESULT],
    [day, WHO, WHAT, RESULT],
    [WHO, WHAT, RESULT],
  ]
}

export function sessionTable(options: TableOptions): TextTable<ShownSession> {
  return new TextTable(layouts(), options)
}

export class TableWriter implements RowWriter {
  readonly format = 'table'
  readonly #table: TextTable<ShownSession>

  constructor(options: TableOptions) {
    this.#table = sessionTable(options)
  }

  get length(): number {
    return this.#table.length
  }

  take(): Uint8Array {
    return Buffer.from(this.#table.take())
  }

  begin(): void {}

  row(row: SessionRow): void {
    this.#table.row(shownOf(row))
  }

  end(): void {
    this.#table.end()
  }
}

function shownOf(row: SessionRow): ShownSession {
  const { protocol, endReason, clientName, userName, userId, resourceName } = row
  const isSum = isHourlySum(row)
  return {
    ...{ protocol, endReason, clientName, userName, userId, resourceName },
    startTimeMs: row.startTimeUs / 1e3,
    seconds: durationSeconds(row),
    sourceIp: isSum ? NOT_KEPT : row.sourceIp,
    sourceAddr: isSum ? NOT_KEPT : formatEndpoint(row.sourceIp, row.sourcePort),
    destAddr: isSum ? NOT_KEPT : formatEndpoint(row.destIp, row.destPort),
    bytesTx: row.bytesTx,
    bytesRx: row.bytesRx,
    connState: row.connState,
    interrupted: false,
  }
}
