/** A summary from sums by group and interval, the same for every engine. */
import { inTurns } from '../../base/in-turns.js'
import { usToIso } from '../../base/instant.js'
import type {
  Summary,
  SummaryGroupRow,
  SummaryRequest,
  SummarySeries,
  SummaryTotals,
  Totals,
} from './sums.js'

const GROUPS_AT_ONCE = 50

/** The sums as an engine names them. */
export interface SumsRow {
  readonly sessions: unknown
  readonly connections: unknown
  readonly bytes_tx: unknown
  readonly bytes_rx: unknown
  readonly packets_tx: unknown
  readonly packets_rx: unknown
}

/** Sums of one group in one interval. Groups beyond the top ones have `other` and no id. */
export interface GroupRow extends SumsRow {
  readonly id: string | null
  readonly other: boolean
  readonly slot: number
  readonly name: string | null
}

export function totalsOf(row: Partial<SumsRow>): Totals {
  return {
    sessions: row.sessions as number,
    connections: row.connections as number,
    bytesTx: row.bytes_tx as number,
    bytesRx: row.bytes_rx as number,
    packetsTx: row.packets_tx as number,
    packetsRx: row.packets_rx as number,
  }
}

/** In order of bytes, as SQL sorts texts. */
export function byText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** The same; sessions without an id last. */
export function byId(a: string | null, b: string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  return byText(a, b)
}

/** Groups of equal sums are in order of their ids, as texts. */
export async function summaryOf(
  request: SummaryRequest,
  starts: readonly number[],
  totals: SummaryTotals,
  rows: readonly GroupRow[],
): Promise<Summary> {
  const known = new Map<string | null, { row: SummaryGroupRow; slots: GroupRow[] }>()
  for (const row of rows) {
    const id = row.id
    const other = row.other
    const key = other ? '\0other' : id
    const sums = totalsOf(row)
    const group = known.get(key)
    if (group === undefined) {
      known.set(key, {
        row: { id, name: row.name, other, ...sums },
        slots: [row],
      })
    } else {
      group.row = addTotals(group.row, sums)
      group.slots.push(row)
    }
  }
  const groups = [...known.values()].sort(
    ({ row: a }, { row: b }) => rank(b, request) - rank(a, request) || byId(a.id, b.id),
  )
  return {
    totals,
    groups: request.groupBy === null ? [] : groups.map((g) => g.row),
    times: starts.map((us) => usToIso(us)),
    series: request.interval === null ? [] : await seriesOfAll(groups, starts),
  }
}

function rank(row: SummaryGroupRow, request: SummaryRequest): number {
  if (row.other) return -1
  return request.sort === 'sessions' ? row.sessions : row.bytesTx + row.bytesRx
}

export function addTotals<T extends Totals>(row: T, sums: Totals): T {
  const added = { ...row } as Record<string, unknown>
  for (const [key, value] of Object.entries(sums))
    added[key] = (row[key as keyof Totals] as number) + value
  return added as unknown as T
}

export interface Group {
  readonly row: Pick<SummaryGroupRow, 'id' | 'other'>
  readonly slots: readonly Pick<GroupRow, 'slot' | 'sessions' | 'bytes_tx' | 'bytes_rx'>[]
}

/** Works in turns, because the largest answer (1000 groups with 3000 intervals) must not block other requests. */
export async function seriesOfAll(
  groups: readonly Group[],
  starts: readonly number[],
): Promise<SummarySeries[]> {
  const at = new Map(starts.map((us, i) => [us, i]))
  const all: SummarySeries[] = []
  for await (const [, group] of inTurns(groups, GROUPS_AT_ONCE)) all.push(seriesOf(group, at))
  return all
}

function seriesOf(group: Group, at: ReadonlyMap<number, number>): SummarySeries {
  const empty = () => new Array<number>(at.size).fill(0)
  const series = { sessions: empty(), bytesTx: empty(), bytesRx: empty() }
  for (const row of group.slots) {
    const i = at.get(row.slot as number)
    if (i === undefined) continue
    series.sessions[i] = row.sessions as number
    series.bytesTx[i] = row.bytes_tx as number
    series.bytesRx[i] = row.bytes_rx as number
  }
  return { id: group.row.id, other: group.row.other, ...series }
}
