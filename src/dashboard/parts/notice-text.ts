/** The server's notices (why a log is empty) and problems (of a meter) in words, with times in the chosen zone. */

import type { Notice, Problem } from '../api/types.js'
import { formatDateTime, formatSpan } from '../format/time.js'
import { completeness } from '../texts/completeness.js'

/** An unknown reason is shown as its code. */
function reasonText(reason: string | undefined): string {
  const { reasons, unknownReason } = completeness()
  return reason === undefined ? unknownReason : (reasons[reason as keyof typeof reasons] ?? reason)
}

const at = (iso: string | undefined) => (iso === undefined ? '' : formatDateTime(Date.parse(iso)))

/** Short, because buttons below the notice lead to the settings, the sites or another range. */
export function noticeText(notice: Notice): string {
  const { code, sessions = 0, packets = 0 } = notice
  const texts = completeness().notices
  switch (code) {
    case 'filtered':
      return texts.filtered(sessions)
    case 'outsideRange':
      return texts.outsideRange(sessions, at(notice.from), at(notice.to))
    case 'siteSilent':
      return texts.siteSilent(at(notice.since))
    case 'nothingKept':
    case 'otherTrafficOnly':
      return texts[code](packets)
    default:
      return texts[code]
  }
}

export function problemText(problem: Problem): string {
  const { code, count = 0, seconds = 0, ids = [] } = problem
  const texts = completeness().problems
  switch (code) {
    case 'silent':
    case 'clockAhead':
      return texts[code](formatSpan(seconds))
    case 'sessionsDropped':
      return texts.sessionsDropped(count, reasonText(problem.reason))
    case 'idInUse':
      return texts.idInUse(count, ids.join(', '))
    case 'interfaceShared':
      return texts.interfaceShared(ids.join(', '))
    default:
      return texts[code](count)
  }
}
