/** Exactly what the filters show, all pages of it, as a file. */

import { EXPORT_FORMATS, type ExportFormat, exportHref } from '../../api/logs.js'
import { formatCount } from '../../format/bytes.js'
import { ChevronIcon, DownloadIcon } from '../../parts/icons.js'
import { Popover } from '../../parts/popover.js'
import type { QueryParams } from '../../state/url.js'

const FORMATS: Readonly<Record<ExportFormat, { label: string; detail: string }>> = {
  csv: { label: 'CSV', detail: 'spreadsheets' },
  ndjson: { label: 'NDJSON', detail: 'one JSON object a line' },
  parquet: { label: 'Parquet', detail: 'DuckDB, pandas, Spark' },
}

export interface ExportMenuProps {
  readonly orgId: string
  /** Without limit and offset. */
  readonly query: QueryParams
  readonly total: number | undefined
}

export function ExportMenu({ orgId, query, total }: ExportMenuProps) {
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
            {total === undefined ? 'All sessions' : `All ${formatCount(total)} sessions`} of this
            selection
          </p>
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
        </>
      )}
    </Popover>
  )
}
