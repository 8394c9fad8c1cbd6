/** A session on the clipboard: for a colleague, a spreadsheet, a program, a terminal. */

import { outcomeOf } from '../../../session/outcome.js'
import { sessionPath } from '../../api/logs.js'
import type { LogRow } from '../../api/types.js'
import { toTabbed } from '../../format/csv.js'
import { copyText } from '../../parts/copy.js'
import { ChevronIcon, CopyIcon } from '../../parts/icons.js'
import { Popover } from '../../parts/popover.js'
import { hrefOf } from '../../state/url.js'

interface Copy {
  readonly label: string
  readonly detail: string
  /** Its name in the confirmation. */
  readonly what: string
  readonly text: (orgId: string, row: LogRow) => string
}

const COPIES: readonly Copy[] = [
  {
    label: 'Link',
    detail: 'opens this session for anyone with a key',
    what: 'Link',
    text: (org, { sessionId }) => window.location.origin + hrefOf('/', { org, session: sessionId }),
  },
  {
    label: 'Row',
    detail: 'for a spreadsheet',
    what: 'Row',
    text: (_, row) => toTabbed(cellsOf(row)),
  },
  {
    label: 'JSON',
    detail: 'every field, as in the API',
    what: 'Session as JSON',
    text: (_, row) => JSON.stringify(row, null, 2),
  },
  {
    label: 'curl',
    detail: 'asks the API with the key in $KEY',
    what: 'curl command',
    text: (orgId, { sessionId }) => {
      const url = window.location.origin + sessionPath(orgId, sessionId)
      return `curl -sS -H "authorization: Bearer $KEY" ${quoted(url)}`
    },
  },
]

/** The table's columns with exact values: times in UTC, bytes and seconds as numbers. */
function cellsOf(row: LogRow) {
  return [
    row.startTime,
    outcomeOf(row).label,
    row.resourceName ?? row.siteResourceId,
    row.clientName ?? row.clientId,
    row.userEmail ?? row.userName ?? row.userId,
    row.duration,
    row.bytesTx,
    row.bytesRx,
    row.sourceAddr,
    row.destAddr,
    row.protocol,
  ]
}

/** Quotes a text as one word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

export function CopyMenu({ orgId, row }: { orgId: string; row: LogRow }) {
  return (
    <Popover
      align="end"
      buttonClass="button quiet"
      label={
        <>
          <CopyIcon /> Copy
          <ChevronIcon />
        </>
      }
    >
      {(close) =>
        COPIES.map(({ label, detail, what, text }) => (
          <button
            type="button"
            key={label}
            class="menu-item"
            onClick={() => {
              close()
              copyText(text(orgId, row), what)
            }}
          >
            <span class="choice-name">{label}</span>
            <span class="muted">{detail}</span>
          </button>
        ))
      }
    </Popover>
  )
}
