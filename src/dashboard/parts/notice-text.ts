/** The server's notices (why a log is empty) and problems (of a meter) in words, with times in the browser's zone. */
import type { Notice, Problem } from '../api/types.js'
import { plural } from '../format/bytes.js'
import { formatDateTime, formatSpan } from '../format/time.js'

const REASONS: Readonly<Record<string, string>> = {
  missing: 'batches that never arrived',
  spoolFull: 'the spool was full',
  recordQueueFull: 'the meter could not keep up',
  spoolDamaged: 'the spool was damaged',
  interfaceGone: 'the interface was gone',
  clockStepped: 'the clock was set forward',
  unexplained: 'the kernel counted packets that the meter did not',
  unmetered: 'the meter was not running',
}

const reasonText = (reason: string) => REASONS[reason] ?? reason

const at = (iso: string | undefined) => (iso === undefined ? '' : formatDateTime(Date.parse(iso)))

/** Short, because buttons below the notice lead to the settings, the sites or another range. */
export function noticeText(notice: Notice): string {
  const { code, message, sessions = 0, packets = 0 } = notice
  switch (code) {
    case 'filtered':
      return `${plural(sessions, 'session')} in this time range, but none matches the filters.`
    case 'outsideRange':
      return `No session started in this time range. ${plural(sessions, 'session')} outside it, from ${at(notice.from)} to ${at(notice.to)}.`
    case 'retentionOff':
      return 'Retention is off, so nothing is stored. Choose a retention in the settings.'
    case 'siteSilent':
      return `No site has reported since ${at(notice.since)}. Is the meter running, and does it reach this server?`
    case 'nothingKept':
      return `Meters report ${plural(packets, 'packet')} of TCP and UDP sessions, but none of these sessions is stored: they have not ended yet, arrived while retention was off, or are older than the retention.`
    case 'otherTrafficOnly':
      return `Meters report ${plural(packets, 'packet')}, but none of a TCP or UDP session. Is it the right interface?`
    // The server's messages for these need no numbers and no times of the browser's zone.
    case 'noKey':
    case 'keyNotUsed':
    case 'neverReported':
    case 'nothingYet':
    case 'incomplete':
      return message
  }
}

export function problemText(problem: Problem): string {
  const { code, count = 0, seconds = 0, ids = [] } = problem
  const [was, has] = count === 1 ? ['was', 'has'] : ['were', 'have']
  switch (code) {
    case 'silent':
      return `Silent for ${formatSpan(seconds)}.`
    case 'clockAhead':
      return `Its clock is ${formatSpan(seconds)} ahead of the server’s.`
    case 'packetsDropped':
      return `${plural(count, 'packet')} ${was} dropped before the meter could read ${count === 1 ? 'it' : 'them'}: sessions of that time may be short.`
    case 'sessionsDropped':
      return `${plural(count, 'session')} ${was} lost in the meter: ${reasonText(problem.reason ?? 'unknown')}.`
    case 'backlog':
      return `${plural(count, 'batch', 'batches')} ${count === 1 ? 'waits' : 'wait'} in its spool: delivery is behind.`
    case 'quarantined':
      return `${plural(count, 'batch', 'batches')} ${was} refused and quarantined; see tunmeter spool.`
    case 'idInUse':
      return `${plural(count, 'meter')} use this id at the same time (spools ${ids.join(', ')}): a copied spool, or one --meter-id on several hosts. Nothing is lost; give each an id of its own.`
    case 'batchesMissing':
      return `${plural(count, 'batch', 'batches')} ${has} not come.`
    case 'interfaceShared':
      return `It reads the same interface as ${ids.join(', ')}: everything there is counted twice. Stop one of them.`
  }
}
