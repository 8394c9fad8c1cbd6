/** The rows of the usage table: of a month or of all, filtered by name, sorted. */
import type { UsageRow } from '../../api/types.js'
import { type Group, groupName } from '../../state/groups.js'

export const SORTS = ['name', 'bytesTx', 'bytesRx', 'bytes', 'sessions'] as const
export type UsageSort = (typeof SORTS)[number]

export interface Order {
  readonly by: UsageSort
  readonly descending: boolean
}
export const LARGEST_FIRST: Order = { by: 'bytes', descending: true }

export function orderOf(text: string | null): Order {
  const by = SORTS.find((name) => name === text?.replace(/^-/, ''))
  return by === undefined ? LARGEST_FIRST : { by, descending: text!.startsWith('-') }
}

/** The parameter; null for the default. */
export function orderText({ by, descending }: Order): string | null {
  if (by === LARGEST_FIRST.by && descending) return null
  return descending ? `-${by}` : by
}

/** A second click turns the order around. Names begin with A, amounts with the largest. */
export function nextOrder(now: Order, by: UsageSort): Order {
  return now.by === by ? { by, descending: !now.descending } : { by, descending: by !== 'name' }
}

export function namedLike(rows: readonly UsageRow[], group: Group, text: string): UsageRow[] {
  const wanted = text.trim().toLowerCase()
  return rows.filter((row) => groupName(group, row).toLowerCase().includes(wanted))
}

/** One row for each client, user or resource: the sums of its months. */
export function summed(rows: readonly UsageRow[], month: string): UsageRow[] {
  const sums = new Map<string | null, UsageRow>()
  for (const row of rows) {
    const known = sums.get(row.id)
    sums.set(row.id, {
      ...row,
      month,
      sessions: row.sessions + (known?.sessions ?? 0),
      connections: row.connections + (known?.connections ?? 0),
      bytesTx: row.bytesTx + (known?.bytesTx ?? 0),
      bytesRx: row.bytesRx + (known?.bytesRx ?? 0),
      packetsTx: row.packetsTx + (known?.packetsTx ?? 0),
      packetsRx: row.packetsRx + (known?.packetsRx ?? 0),
    })
  }
  return [...sums.values()]
}

export function sorted(
  rows: readonly UsageRow[],
  group: Group,
  { by, descending }: Order,
): UsageRow[] {
  const name = (row: UsageRow) => groupName(group, row)
  const amount = (row: UsageRow) =>
    by === 'bytes' ? row.bytesTx + row.bytesRx : by === 'name' ? 0 : row[by]
  const sign = descending ? -1 : 1
  return [...rows].sort(
    (a, b) =>
      sign * (by === 'name' ? name(a).localeCompare(name(b)) : amount(a) - amount(b)) ||
      name(a).localeCompare(name(b)),
  )
}
