/** The menu of exports. Each file has all sessions of the selection, not only those of the page. */

import { useState } from 'preact/hooks'
import { EXPORT_FORMATS, type ExportFormat, exportHref } from '../../api/logs.js'
import type { LogRow } from '../../api/types.js'
import { ChevronIcon, DownloadIcon } from '../../parts/icons.js'
import { Popover } from '../../parts/popover.js'
import type { QueryParams } from '../../state/url.js'
import { logs } from '../../texts/logs.js'
import { EvidenceDialog } from './evidence-dialog.js'

const FORMAT_NAMES: Readonly<Record<ExportFormat, string>> = {
  csv: 'CSV',
  ndjson: 'NDJSON',
  parquet: 'Parquet',
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
          {logs().export}
          <ChevronIcon />
        </>
      }
    >
      {(close) => (
        <>
          <p class="menu-title">{logs().wholeSelection(total)}</p>
          <a
            class="menu-item"
            href={exportHref(orgId, query, 'csv', TABLE_FIELDS)}
            download
            onClick={close}
          >
            <span class="choice-name">{logs().table}</span>
            <span class="muted">{logs().tableDetail}</span>
          </a>
          {EXPORT_FORMATS.map((format) => (
            <a
              key={format}
              class="menu-item"
              href={exportHref(orgId, query, format)}
              download
              onClick={close}
            >
              <span class="choice-name">{FORMAT_NAMES[format]}</span>
              <span class="muted">{logs().formats[format]}</span>
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
            <span class="choice-name">{logs().evidence}</span>
            <span class="muted">{logs().evidenceDetail}</span>
          </button>
        </>
      )}
    </Popover>
  )
}
