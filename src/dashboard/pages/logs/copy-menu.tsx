/** A session on the clipboard: for a colleague, a spreadsheet, a program, a terminal. */

import { sessionPath } from '../../api/logs.js'
import type { LogRow } from '../../api/types.js'
import { toTabbed } from '../../format/csv.js'
import { outcomeWords } from '../../format/words.js'
import { copyText } from '../../parts/copy.js'
import { ChevronIcon, CopyIcon } from '../../parts/icons.js'
import { Popover } from '../../parts/popover.js'
import { hrefOf } from '../../state/url.js'
import { session } from '../../texts/session.js'

type CopyName = keyof ReturnType<typeof session>['copies']

const COPIES: Readonly<Record<CopyName, (orgId: string, row: LogRow) => string>> = {
  link: (org, { sessionId }) => window.location.origin + hrefOf('/', { org, session: sessionId }),
  row: (_, row) => toTabbed(cellsOf(row)),
  json: (_, row) => JSON.stringify(row, null, 2),
  curl: (orgId, { sessionId }) => {
    const url = window.location.origin + sessionPath(orgId, sessionId)
    return `curl -sS -H "authorization: Bearer $KEY" ${quoted(url)}`
  },
}
const COPY_NAMES = Object.keys(COPIES) as CopyName[]

/** The table's columns with exact values: times in UTC, bytes and seconds as numbers. */
function cellsOf(row: LogRow) {
  return [
    row.startTime,
    outcomeWords(row).label,
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
          <CopyIcon /> {session().copy}
          <ChevronIcon />
        </>
      }
    >
      {(close) =>
        COPY_NAMES.map((name) => (
          <button
            type="button"
            key={name}
            class="menu-item"
            onClick={() => {
              close()
              copyText(COPIES[name](orgId, row), session().copies[name].what)
            }}
          >
            <span class="choice-name">{session().copies[name].label}</span>
            <span class="muted">{session().copies[name].detail}</span>
          </button>
        ))
      }
    </Popover>
  )
}
