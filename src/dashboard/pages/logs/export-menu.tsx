/** The menu of exports. Each file has all sessions of the selection, not only those of the page. */

import { useState } from 'preact/hooks'
import { EXPORT_FORMATS, type ExportFormat, exportHref } from '../../api/logs.js'
import type { LogRow } from '../../api/types.js'
import { ChevronIcon, DownloadIcon } from '../../parts/icons.js'
import { lazyPage } from '../../parts/lazy.js'
import { Popover } from '../../parts/popover.js'
import { type ColumnName, chosenColumns, DEFAULT_COLUMNS } from '../../state/columns.js'
import { useStore } from '../../state/store.js'
import type { QueryParams } from '../../state/url.js'
import { logs } from '../../texts/logs.js'

const EvidenceDialog = lazyPage(async () => (await import('./evidence-dialog.js')).EvidenceDialog)

const FORMAT_NAMES: Readonly<Record<ExportFormat, string>> = {
  csv: 'CSV',
  ndjson: 'NDJSON',
  parquet: 'Parquet',
}

/** The outcome comes from three fields. */
const FIELDS: Readonly<Record<ColumnName, readonly (keyof LogRow)[]>> = {
  outcome: ['connState', 'endReason', 'interrupted'],
  resource: ['resourceName'],
  client: ['clientName'],
  user: ['userName', 'userEmail'],
  duration: ['duration'],
  sent: ['bytesTx'],
  received: ['bytesRx'],
  source: ['sourceAddr'],
  dest: ['destAddr'],
  protocol: ['protocol'],
  site: ['siteName'],
  goodputSent: ['goodputTx'],
  goodputReceived: ['goodputRx'],
  retransmits: ['retransmitsTx', 'retransmitsRx'],
}

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
  const columns = useStore(chosenColumns) ?? DEFAULT_COLUMNS
  const fields = ['startTime' as const, ...columns.flatMap((name) => FIELDS[name])]
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
            href={exportHref(orgId, query, 'csv', fields)}
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
