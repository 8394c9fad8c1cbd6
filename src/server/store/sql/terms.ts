/** A query's terms as SQL. A condition is never NULL, so its negation is right as well. */
import {
  OUTCOME_GROUPS,
  OUTCOME_STATES,
  type OutcomeGroup,
} from '../../../session/outcome-groups.js'
import type { LogTerm } from '../filter.js'
import { addresses, anywhere } from './conditions.js'
import { inTexts, int, or, type Sql } from './sql.js'

/** Binds the term's texts. @returns a function from the SQL for "row is open" to the condition */
export function termSql(sql: Sql, term: LogTerm): (open: string) => string {
  const is = positive(sql, term)
  return (open) => `${term.negated ? 'NOT ' : ''}coalesce(${is(open)}, false)`
}

function positive(sql: Sql, term: LogTerm): (open: string) => string {
  const { outcomes } = term
  if (outcomes !== undefined) return (open) => or(outcomes.map((one) => ofOutcome(sql, one, open)))
  const condition = ofRow(sql, term)
  return () => condition
}

function ofRow(sql: Sql, term: LogTerm): string {
  const { text, textIds, named, addresses: ends, ports, protocols, amount } = term
  if (text !== undefined) return anywhere(sql, text, textIds)
  if (named !== undefined) return ofName(sql, named)
  if (ends !== undefined) return addresses(sql, ends.side, ends.list)
  if (ports !== undefined) return `t.dest_port IN (${ports.map(int).join(', ')})`
  if (protocols !== undefined) return inTexts(sql, 't.protocol', protocols)
  if (amount !== undefined) return `${AMOUNTS[amount.of]} ${amount.operator} ${int(amount.value)}`
  return 'true'
}

const AMOUNTS = {
  bytes: 'coalesce(t.bytes_tx, 0) + coalesce(t.bytes_rx, 0)',
  bytesTx: 'coalesce(t.bytes_tx, 0)',
  bytesRx: 'coalesce(t.bytes_rx, 0)',
  durationUs: 't.duration_us',
} as const

const COLUMNS = {
  client: 't.client_id',
  user: 't.user_id',
  resource: 't.site_resource_id',
  site: 't.site_id',
} as const

const isNumber = (text: string) => /^[1-9]\d{0,14}$/.test(text)

/** Matches the ids of names, and an id written as text. */
function ofName(sql: Sql, { kind, values, ids = [] }: NonNullable<LogTerm['named']>): string {
  const column = COLUMNS[kind]
  const parts: string[] = []
  // Literals, because a statement has a bound of parameters.
  const written = ids.map((id) => (typeof id === 'number' ? int(id) : sql.literal(id)))
  if (written.length > 0) parts.push(`${column} IN (${written.join(', ')})`)
  for (const { text, pattern, none } of values) {
    if (none) parts.push(`${column} IS NULL`)
    else if (kind === 'user' ? !pattern || isNumber(text) : isNumber(text))
      parts.push(`${column} = ${kind === 'user' ? sql.bind(text) : int(Number(text))}`)
  }
  return or(parts)
}

const isGroup = (word: string): word is OutcomeGroup =>
  (OUTCOME_GROUPS as readonly string[]).includes(word)

function ofOutcome(sql: Sql, word: NonNullable<LogTerm['outcomes']>[number], open: string): string {
  const isIn = (states: readonly string[]) =>
    `coalesce(t.conn_state IN (${states.map((one) => sql.literal(one)).join(', ')}), false)`
  if (!isGroup(word)) return isIn([word])
  const isOpen = `coalesce(${open}, false)`
  switch (word) {
    case 'open':
      return isOpen
    case 'closed':
      return `(NOT ${isOpen} AND NOT ${isIn([...OUTCOME_STATES.failed, ...OUTCOME_STATES.reset])})`
    default:
      return `(NOT ${isOpen} AND ${isIn(OUTCOME_STATES[word])})`
  }
}
