/** The sessions as a table. The mouse, Tab (the time is a button), j and k (keys.ts) reach its rows. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { LogRow } from '../../api/types.js'
import { formatClock, formatDateTime, formatDay } from '../../format/time.js'
import { ArrowDownIcon, ArrowUpIcon } from '../../parts/icons.js'
import { chosenColumns, DEFAULT_COLUMNS } from '../../state/columns.js'
import type { Sort, SortName } from '../../state/filters.js'
import { useStore } from '../../state/store.js'
import { logs } from '../../texts/logs.js'
import { CellActions } from './cell-actions.js'
import { cellOf, isLive, type LiveCell } from './cells.js'
import {
  type Column,
  clientText,
  columnsOf,
  fitting,
  resourceText,
  startedMs,
} from './log-columns.js'
import { useLiveCell } from './use-live-cell.js'
import { type Endless, useWindow } from './use-window.js'

export interface LogTableProps {
  readonly rows: readonly LogRow[]
  readonly sort: Sort
  readonly selected: string | null
  /** Sessions that live mode has just added; they are marked for 3 s. */
  readonly fresh: ReadonlySet<string>
  readonly stale: boolean
  readonly endless: Endless
  /** Sessions of the selection; undefined while they are counted. */
  readonly total: number | undefined
  readonly onSort: (by: SortName) => void
  readonly onOpen: (sessionId: string) => void
}

export function LogTable(props: LogTableProps) {
  const { rows, sort, selected, fresh, stale, endless, total, onSort, onOpen } = props
  const live = useLiveCell()
  const table = useRef<HTMLTableElement>(null)
  const { columns, chosen } = useColumns(table)
  const { from, to, above, below } = useWindow(live.props.ref, rows, endless, ROW_PX)
  return (
    <table
      ref={table}
      class={`log-table ${stale ? 'stale' : ''} ${chosen ? 'chosen' : ''}`}
      aria-busy={stale}
      // With the row of the head; -1 says that the number is not known.
      aria-rowcount={total === undefined ? -1 : total + 1}
    >
      <caption class="visually-hidden">{logs().sessions}</caption>
      <thead>
        <tr>
          <SortHeader
            label={logs().started}
            name="col-time"
            by="startTime"
            sort={sort}
            onSort={onSort}
          />
          {columns.map((column) =>
            column.sort ? (
              <SortHeader
                key={column.name}
                label={logs().columns[column.name]}
                name={classOf(column)}
                by={column.sort}
                sort={sort}
                onSort={onSort}
              />
            ) : (
              <th key={column.name} scope="col" class={classOf(column)}>
                {logs().columns[column.name]}
              </th>
            ),
          )}
        </tr>
      </thead>
      <tbody {...live.props}>
        {above > 0 && <Space key="above" height={above} />}
        {rows.slice(from, to).map((row, at) => (
          <Row
            key={row.sessionId}
            row={row}
            number={endless.first + from + at}
            columns={columns}
            selected={row.sessionId === selected}
            fresh={fresh.has(row.sessionId)}
            live={live.at?.sessionId === row.sessionId ? live.at.cell : null}
            onOpen={onOpen}
          />
        ))}
        {below > 0 && <Space key="below" height={below} />}
      </tbody>
    </table>
  )
}

/** Before one is measured. */
const ROW_PX = 34

/** In the place of rows that are not drawn. */
function Space({ height }: { height: number }) {
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: it has nothing that takes the focus.
    <tr class="undrawn" aria-hidden="true">
      <td style={{ height: `${height}px` }} />
    </tr>
  )
}

interface Shown extends Column {
  /** There is no room for it on the screen. */
  readonly out: boolean
}

const classOf = ({ name, number, out }: Shown) =>
  `col-${name} ${number ? 'number' : ''} ${out ? 'left-out' : ''}`

/**
 * The columns in their order. Of chosen ones the last are left out where the room ends; which of the usual ones are,
 * logs.css says.
 */
function useColumns(table: { readonly current: HTMLElement | null }) {
  const names = useStore(chosenColumns)
  const columns = useMemo(() => columnsOf(names ?? DEFAULT_COLUMNS), [names])
  const [fit, setFit] = useState(columns.length)
  useEffect(() => {
    const room = table.current?.parentElement
    if (names === null || room == null) return
    const observer = new ResizeObserver(() => setFit(fitting(columns, room.clientWidth)))
    observer.observe(room)
    return () => observer.disconnect()
  }, [names, columns])
  const shown = useMemo(
    () => columns.map((column, at): Shown => ({ ...column, out: names !== null && at >= fit })),
    [columns, names, fit],
  )
  return { columns: shown, chosen: names !== null }
}

interface SortHeaderProps {
  readonly label: string
  readonly name: string
  readonly by: SortName
  readonly sort: Sort
  readonly onSort: (by: SortName) => void
}

function SortHeader({ label, name, by, sort, onSort }: SortHeaderProps) {
  const active = sort.by === by
  const order = active ? (sort.descending ? 'descending' : 'ascending') : 'none'
  return (
    <th scope="col" class={name} aria-sort={order}>
      <button type="button" class="sort" onClick={() => onSort(by)}>
        {label}
        {active && (sort.descending ? <ArrowDownIcon /> : <ArrowUpIcon />)}
      </button>
    </th>
  )
}

interface RowProps {
  readonly row: LogRow
  /** In the selection, from 1. */
  readonly number: number
  readonly columns: readonly Shown[]
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
function Row(props: RowProps) {
  const { row, number, columns, selected, fresh, live, onOpen } = props
  const all = [row, number, columns, selected, fresh, live, onOpen]
  return useMemo(() => <DrawnRow {...props} />, all)
}

function DrawnRow({ row, number, columns, selected, fresh, live, onOpen }: RowProps) {
  const open = useSingleClick(() => onOpen(row.sessionId))
  const ms = startedMs(row)
  return (
    <tr
      data-session={row.sessionId}
      class={fresh ? 'fresh' : ''}
      aria-rowindex={number + 1}
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
      {columns.map((column) => (
        <td
          key={column.name}
          class={classOf(column)}
          data-cell={isLive(column.name) ? column.name : undefined}
        >
          {column.cell(row)}
          {live === column.name && <CellActions cell={cellOf(live, row)} />}
        </td>
      ))}
    </tr>
  )
}
