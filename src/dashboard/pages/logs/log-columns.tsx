/** The columns of the log's table: what a cell shows, and how much room it needs. */
import type { ComponentChildren } from 'preact'
import type { LogRow } from '../../api/types.js'
import { formatCount, weightOf } from '../../format/bytes.js'
import { destText, sourceText } from '../../format/words.js'
import { Duration } from '../../parts/duration.js'
import { OutcomeLabel } from '../../parts/outcome.js'
import { Bytes } from '../../parts/quantity.js'
import type { ColumnName } from '../../state/columns.js'
import type { SortName } from '../../state/filters.js'
import { common } from '../../texts/common.js'
import { logs } from '../../texts/logs.js'

export interface Column {
  readonly name: ColumnName
  /** Pixels that it needs. */
  readonly width: number
  readonly sort?: SortName
  readonly number?: boolean
  readonly cell: (row: LogRow) => ComponentChildren
}

export const clientText = (row: LogRow) => row.clientName ?? sourceText(row)
export const resourceText = (row: LogRow) => row.resourceName ?? destText(row)
export const startedMs = (row: LogRow) => Date.parse(row.startTime)

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

function Retransmits({ row }: { row: LogRow }) {
  const { retransmitsTx: sent, retransmitsRx: received } = row
  if (sent === null || received === null) return '–'
  return <span title={logs().bothWays(sent, received)}>{formatCount(sent + received)}</span>
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

/** In narrow windows logs.css drops columns instead of cutting them off. */
const ALL: readonly Column[] = [
  { name: 'outcome', width: 150, cell: (row) => <OutcomeLabel row={row} /> },
  {
    name: 'resource',
    width: 130,
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
    width: 130,
    cell: (row) => (
      <Named name={row.clientName} id={row.clientId} kind="client" address={sourceText(row)} />
    ),
  },
  {
    name: 'user',
    width: 150,
    cell: (row) => <Named name={row.userEmail ?? row.userName} id={row.userId} kind="user" />,
  },
  {
    name: 'duration',
    width: 102,
    sort: 'duration',
    number: true,
    cell: (row) => <Duration seconds={row.duration} startedMs={startedMs(row)} />,
  },
  {
    name: 'sent',
    width: 102,
    sort: 'bytesTx',
    number: true,
    cell: (row) => <Weighed bytes={row.bytesTx} />,
  },
  {
    name: 'received',
    width: 102,
    sort: 'bytesRx',
    number: true,
    cell: (row) => <Weighed bytes={row.bytesRx} />,
  },
  {
    name: 'source',
    width: 172,
    cell: (row) => <span title={sourceText(row)}>{sourceText(row)}</span>,
  },
  {
    name: 'dest',
    width: 172,
    cell: (row) => <span title={destText(row)}>{destText(row)}</span>,
  },
  {
    name: 'protocol',
    width: 56,
    cell: (row) => <span class="protocol">{row.protocol.toUpperCase()}</span>,
  },
  {
    name: 'site',
    width: 120,
    cell: (row) => <Named name={row.siteName} id={row.siteId} kind="site" />,
  },
  {
    name: 'goodputSent',
    width: 116,
    number: true,
    cell: (row) => <Bytes bytes={row.goodputTx} />,
  },
  {
    name: 'goodputReceived',
    width: 116,
    number: true,
    cell: (row) => <Bytes bytes={row.goodputRx} />,
  },
  {
    name: 'retransmits',
    width: 110,
    number: true,
    cell: (row) => <Retransmits row={row} />,
  },
]

export function columnsOf(names: readonly ColumnName[]): readonly Column[] {
  return names.map((name) => ALL.find((column) => column.name === name)!)
}

const TIME_WIDTH = 160

/** How many of the columns fit beside the start. The first one is always shown. */
export function fitting(columns: readonly Column[], width: number): number {
  let left = width - TIME_WIDTH
  const out = columns.findIndex((column) => {
    left -= column.width
    return left < 0
  })
  return out < 0 ? columns.length : Math.max(1, out)
}
