/** The log. */
import { ENGLISH } from '../language.js'

const { count, plural, form } = ENGLISH

export const logs = {
  title: 'Connection logs',
  printed: (range: string, zone: string) => `${range}, times are in ${zone}`,
  earlierRows: 'Cancelled: these are the earlier sessions',
  breakdown: 'Breakdown',
  breakdownTitle: 'Largest clients, resources, ports and sites, and outcomes',
  live: 'Live',
  liveTitle: 'New and open sessions as they are reported (l)',
  refreshTitle: 'Refresh (r)',
  scrollable: 'Sessions, scrollable',
  newSessions: (sessions: number) => plural(sessions, 'new session', 'new sessions'),
  sites: 'Sites',

  noPage: (page: number) => `There is no page ${page}`,
  fewerPages: 'The selection has fewer pages.',
  firstPage: 'First page',
  empty: 'No sessions here',
  noneMatches: 'No session matches this time range and these filters.',
  createKey: 'Create a key',
  show30Days: 'Show the last 30 days',

  ports: 'Ports',
  outcomes: 'Outcomes',
  incomplete: 'incomplete',
  row: (label: string, sessions: number) => `${label}: ${plural(sessions, 'session', 'sessions')}`,
  unnamed: {
    client: (id: string) => `client ${id}`,
    resource: (id: string) => `resource ${id}`,
    site: (id: string) => `site ${id}`,
  },
  exclude: (label: string) => `Exclude ${label}`,

  pages: 'Pages',
  pageSize: 'Sessions a page',
  aPage: (size: number) => `${size} a page`,
  previous: 'Previous',
  next: 'Next',
  page: 'Page',
  ofPages: (pages: number) => `of ${count(pages)}`,
  lastNumbered: (page: number) =>
    `The last page with a number is ${count(page)}. Use Next, or a shorter time.`,
  noSessions: 'No sessions',
  newest: (rows: number) => `Newest ${count(rows)}`,
  notCounted: (rows: string) => `${rows}, not counted`,
  of: 'of',
  sessionsWord: (sessions: number | undefined) => form(sessions ?? 0, 'session', 'sessions'),
  stopCounting: 'Stop counting',

  sessions: 'Sessions',
  started: 'Started',
  columns: {
    outcome: 'How it ended',
    resource: 'Resource',
    client: 'Client',
    user: 'User',
    duration: 'Duration',
    sent: 'Sent',
    received: 'Received',
    source: 'Source',
    dest: 'Destination',
    protocol: 'Proto',
  },
  openRow: (time: string, client: string, resource: string) =>
    `${time}, ${client} to ${resource}: show this session`,

  export: 'Export',
  wholeSelection: (sessions: number | undefined) =>
    `${sessions === undefined ? 'All sessions' : plural(sessions, 'session', 'sessions')}, the whole selection`,
  table: 'Table',
  tableDetail: 'CSV, with the columns of this page',
  formats: {
    csv: 'every field',
    ndjson: 'one JSON object a line',
    parquet: 'DuckDB, pandas, Spark',
  },
  evidence: 'Evidence',
  evidenceDetail: 'CSV, with its hash and all losses',
  exporting: (bytes: string) => `Exporting and hashing: ${bytes} so far.`,
  saveManifest: 'Save manifest',
  saveFile: 'Save file',
  time: 'Time',
  fromTo: (from: string, to: string, zone: string) => `${from} to ${to} (${zone})`,
  filters: 'Filters',
  noFilters: 'none',
  reconciled: 'Reconciled',
  notReconciled: 'no meter can compare with the kernel’s counters',
  reconciledOf: (packets: number, of: number) =>
    `${count(packets)} of ${plural(of, 'packet', 'packets')} that the kernel counted`,
  file: 'File',
  asked: 'Asked',
  askedBy: (time: string, name: string, id: string) => `${time} with the key “${name}” (${id})`,
  keepBoth: (file: string) =>
    `Keep both files together. \`tunmeter verify ${file}\` checks without a server that the file is unchanged.`,

  overTime: 'Sessions over time',
  perBar: (width: string) => `${width} a bar`,
  barsShow: 'Bars show',
  bytes: 'Bytes',
  byOutcome: 'By outcome',
  timeRange: 'Time range',
  barKeys:
    'The left and right arrow keys move the time range by a bar, with Shift by its whole length. Up and down show half and twice the time. Escape goes back.',
  bar: (time: string, sessions: number, outcomes: string, bytes: string) =>
    `${time}: ${plural(sessions, 'session', 'sessions')}${outcomes === '' ? '' : ` (${outcomes})`}, ${bytes}`,
  byOutcomeTable: 'Sessions over time by outcome',
  byClientAndUser: 'By client and user',

  views: {
    views: 'Views',
    share: 'Share: copy a link with these times',
    link: 'Link',
    none: 'No saved view yet. Save filters, order and time range under a name.',
    title: 'Saved with your key',
    name: 'Name of the view',
    save: 'Save',
    saved: (name: string) => `Saved as ${name}`,
    remove: (name: string) => `Remove ${name}`,
  },
}
