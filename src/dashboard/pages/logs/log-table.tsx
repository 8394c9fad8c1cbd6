/** The sessions as a table. The mouse, Tab (the time is a button), j and k (keys.ts) reach its rows. */

import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { LogRow } from '../../api/types.js'
import { weightOf } from '../../format/bytes.js'
import { formatClock, formatDateTime, formatDay } from '../../format/time.js'
import { destText, sourceText } from '../../format/words.js'
import { Duration } from '../../parts/duration.js'
import { ArrowDownIcon, ArrowUpIcon } from '../../parts/icons.js'
import { OutcomeLabel } from '../../parts/outcome.js'
import { Bytes } from '../../parts/quantity.js'
import type { Sort, SortName } from '../../state/filters.js'
import { common } from '../../texts/common.js'
import { logs } from '../../texts/logs.js'
import { CellActions } from './cell-actions.js'
import { cellOf, isLive, type LiveCell } from './cells.js'
import { useLiveCell } from './use-live-cell.js'

interface Column {
  readonly name: keyof ReturnType<typeof logs>['columns']
  readonly sort?: SortName
  readonly number?: boolean
  readonly cell: (row: LogRow) => ComponentChildren
}

const clientText = (row: LogRow) => row.clientName ?? sourceText(row)
const resourceText = (row: LogRow) => row.resourceName ?? destText(row)
const startedMs = (row: LogRow) => Date.parse(row.startTime)

interface NamedProps {
  readonly name: string | null
  readonly id: string | number | null
  readonly kind: keyof ReturnType<typeof common>['unnamed']
  /** Shown instead in windows that are too narrow for the column of addresses. */
  readonly address?: string
}

function Named({ name, id, kind, address }: NamedProps) {
  if (name !== null) return <span title={name}>{name}</span>
  if (id !== null) return <span class="muted">{common().unnamed[kind](id)}</span>
  return (
    <span class="muted">
      {address !== undefined && <span class="instead">{address}</span>}
      <span class="nameless">–</span>
    </span>
  )
}

/** Bytes with a bar, so that large sessions stand out. An SVG, because its width comes from data (see ShareBar). */
function Weighed({ bytes }: { bytes: number | null }) {
  const width = bytes === null ? 0 : weightOf(bytes) * 100
  return (
    <>
      <Bytes bytes={bytes} />
      <svg class="weight" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        <rect x={100 - width} width={width} height="1" />
      </svg>
    </>
  )
}

/** In order of importance. In narrow windows logs.css drops columns instead of cutting them off. */
export const COLUMNS: readonly Column[] = [
  { name: 'outcome', cell: (row) => <OutcomeLabel row={row} /> },
  {
    name: 'resource',

    cell: (row) => (
      <Named
        name={row.resourceName}
        id={row.siteResourceId}
        kind="resource"
        address={destText(row)}
      />
    ),
  },
  {
    name: 'client',

    cell: (row) => (
      <Named name={row.clientName} id={row.clientId} kind="client" address={sourceText(row)} />
    ),
  },
  {
    name: 'user',

    cell: (row) => <Named name={row.userEmail ?? row.userName} id={row.userId} kind="user" />,
  },
  {
    name: 'duration',

    sort: 'duration',
    number: true,
    cell: (row) => <Duration seconds={row.duration} startedMs={startedMs(row)} />,
  },
  {
    name: 'sent',

    sort: 'bytesTx',
    number: true,
    cell: (row) => <Weighed bytes={row.bytesTx} />,
  },
  {
    name: 'received',

    sort: 'bytesRx',
    number: true,
    cell: (row) => <Weighed bytes={row.bytesRx} />,
  },
  {
    name: 'source',

    cell: (row) => <span title={sourceText(row)}>{sourceText(row)}</span>,
  },
  {
    name: 'dest',

    cell: (row) => <span title={destText(row)}>{destText(row)}</span>,
  },
  {
    name: 'protocol',

    cell: (row) => <span class="protocol">{row.protocol.toUpperCase()}</span>,
  },
]

export interface LogTableProps {
  readonly rows: readonly LogRow[]
  readonly sort: Sort
  readonly selected: string | null
  /** Sessions that live mode has just added; they are marked for 3 s. */
  readonly fresh: ReadonlySet<string>
  readonly stale: boolean
  readonly onSort: (by: SortName) => void
  readonly onOpen: (sessionId: string) => void
}

export function LogTable(props: LogTableProps) {
  const { rows, sort, selected, fresh, stale, onSort, onOpen } = props
  const live = useLiveCell()
  return (
    <table class={stale ? 'log-table stale' : 'log-table'} aria-busy={stale}>
      <caption class="visually-hidden">{logs().sessions}</caption>
      <thead>
        <tr>
          <SortHeader
            label={logs().started}
            name="time"
            by="startTime"
            sort={sort}
            onSort={onSort}
          />
          {COLUMNS.map((column) =>
            column.sort ? (
              <SortHeader
                key={column.name}
                label={logs().columns[column.name]}
                name={column.name}
                by={column.sort}
                number
                sort={sort}
                onSort={onSort}
              />
            ) : (
              <th
                key={column.name}
                scope="col"
                class={`col-${column.name} ${column.number ? 'number' : ''}`}
              >
                {logs().columns[column.name]}
              </th>
            ),
          )}
        </tr>
      </thead>
      <tbody {...live.props}>
        {rows.map((row) => (
          <Row
            key={row.sessionId}
            row={row}
            selected={row.sessionId === selected}
            fresh={fresh.has(row.sessionId)}
            live={live.at?.sessionId === row.sessionId ? live.at.cell : null}
            onOpen={onOpen}
          />
        ))}
      </tbody>
    </table>
  )
}

interface SortHeaderProps {
  readonly label: string
  readonly name: string
  readonly by: SortName
  readonly number?: boolean
  readonly sort: Sort
  readonly onSort: (by: SortName) => void
}

function SortHeader({ label, name, by, number, sort, onSort }: SortHeaderProps) {
  const active = sort.by === by
  const order = active ? (sort.descending ? 'descending' : 'ascending') : 'none'
  return (
    <th scope="col" class={`col-${name} ${number ? 'number' : ''}`} aria-sort={order}>
      <button type="button" class="sort" onClick={() => onSort(by)}>
        {label}
        {active && (sort.descending ? <ArrowDownIcon /> : <ArrowUpIcon />)}
      </button>
    </th>
  )
}

interface RowProps {
  readonly row: LogRow
  readonly selected: boolean
  readonly fresh: boolean
  readonly live: LiveCell | null
  readonly onOpen: (sessionId: string) => void
}

/** A second click within this time makes a double-click, which selects a word. */
const DOUBLE_CLICK_MS = 250

/**
 * Waits for a second click before it acts. The details narrow the columns: opened at the first click, they would move
 * another cell under the second one.
 */
function useSingleClick(act: () => void): (event: MouseEvent) => void {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  return (event) => {
    clearTimeout(timer.current)
    // A click that ends a selection of text is not meant for the row.
    if (event.detail > 1 || window.getSelection()?.type === 'Range') return
    timer.current = setTimeout(act, DOUBLE_CLICK_MS)
  }
}

/** Renders again only when its props change, because moving from row to row must not render hundreds of rows. */
function Row({ row, selected, fresh, live, onOpen }: RowProps) {
  return useMemo(
    () => <DrawnRow row={row} selected={selected} fresh={fresh} live={live} onOpen={onOpen} />,
    [row, selected, fresh, live, onOpen],
  )
}

function DrawnRow({ row, selected, fresh, live, onOpen }: RowProps) {
  const open = useSingleClick(() => onOpen(row.sessionId))
  const ms = startedMs(row)
  return (
    <tr
      data-session={row.sessionId}
      class={fresh ? 'fresh' : ''}
      aria-selected={selected}
      onClick={open}
    >
      <th scope="row" class="col-time">
        <button
          type="button"
          class="row-button"
          title={formatDateTime(ms)}
          aria-label={logs().openRow(formatDateTime(ms), clientText(row), resourceText(row))}
          onClick={(event) => {
            event.stopPropagation()
            onOpen(row.sessionId)
          }}
        >
          <span class="muted">{formatDay(ms)}</span> {formatClock(ms)}
        </button>
      </th>
      {COLUMNS.map((column) => (
        <td
          key={column.name}
          class={`col-${column.name} ${column.number ? 'number' : ''}`}
          data-cell={isLive(column.name) ? column.name : undefined}
        >
          {column.cell(row)}
          {live === column.name && <CellActions cell={cellOf(live, row)} />}
        </td>
      ))}
    </tr>
  )
}
