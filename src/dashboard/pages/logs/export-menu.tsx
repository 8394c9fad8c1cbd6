/** The menu of exports. Each file has all sessions of the selection, not only those of the page. */

import { useState } from 'preact/hooks'
import { EXPORT_FORMATS, type ExportFormat, exportHref } from '../../api/logs.js'
import type { LogRow } from '../../api/types.js'
import { plural } from '../../format/bytes.js'
import { ChevronIcon, DownloadIcon } from '../../parts/icons.js'
import { Popover } from '../../parts/popover.js'
import type { QueryParams } from '../../state/url.js'
import { EvidenceDialog } from './evidence-dialog.js'

const FORMATS: Readonly<Record<ExportFormat, { label: string; detail: string }>> = {
  csv: { label: 'CSV', detail: 'every field' },
  ndjson: { label: 'NDJSON', detail: 'one JSON object a line' },
  parquet: { label: 'Parquet', detail: 'DuckDB, pandas, Spark' },
}

/** The table's columns in their order. Its outcome comes from three fields: connState, endReason, interrupted. */
const TABLE_FIELDS: readonly (keyof LogRow)[] = [
  ...([
    'startTime',
    'connState',
    'endReason',
    'interrupted',
    'resourceName',
    'clientName',
  ] as const),
  ...(['userName', 'userEmail', 'duration', 'bytesTx', 'bytesRx'] as const),
  ...(['sourceAddr', 'destAddr', 'protocol'] as const),
]

export interface ExportMenuProps {
  readonly orgId: string
  /** Filters, range and sort, without limit and offset. */
  readonly query: QueryParams
  readonly total: number | undefined
}

export function ExportMenu({ orgId, query, total }: ExportMenuProps) {
  const [evidence, setEvidence] = useState(false)
  return (
    <>
      {evidence && (
        <EvidenceDialog orgId={orgId} query={query} onClose={() => setEvidence(false)} />
      )}
      <FileMenu orgId={orgId} query={query} total={total} onEvidence={() => setEvidence(true)} />
    </>
  )
}

function FileMenu({
  orgId,
  query,
  total,
  onEvidence,
}: ExportMenuProps & { readonly onEvidence: () => void }) {
  return (
    <Popover
      align="end"
      label={
        <>
          <DownloadIcon />
          Export
          <ChevronIcon />
        </>
      }
    >
      {(close) => (
        <>
          <p class="menu-title">
            {total === undefined ? 'All sessions' : plural(total, 'session')}, the whole selection
          </p>
          <a
            class="menu-item"
            href={exportHref(orgId, query, 'csv', TABLE_FIELDS)}
            download
            onClick={close}
          >
            <span class="choice-name">Table</span>
            <span class="muted">CSV, with the columns of this page</span>
          </a>
          {EXPORT_FORMATS.map((format) => (
            <a
              key={format}
              class="menu-item"
              href={exportHref(orgId, query, format)}
              download
              onClick={close}
            >
              <span class="choice-name">{FORMATS[format].label}</span>
              <span class="muted">{FORMATS[format].detail}</span>
            </a>
          ))}
          <div class="menu-line" />
          <button
            type="button"
            class="menu-item"
            onClick={() => {
              close()
              onEvidence()
            }}
          >
            <span class="choice-name">Evidence</span>
            <span class="muted">CSV, with its hash and all losses</span>
          </button>
        </>
      )}
    </Popover>
  )
}
