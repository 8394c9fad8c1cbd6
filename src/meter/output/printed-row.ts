/**
 * One row object for all rows: the writers read it and keep nothing.
 *
 * A new object spread from session, origin and names for each row took ten times as long as writing it, most of it
 * in the garbage collector: so many properties from several sources make a dictionary.
 */
import { assigner } from '../../session/field-code.js'
import type { Names, SessionRow } from '../../session/fields.js'
import type { Session } from '../../session/session.js'
import { SESSION_FIELD_NAMES } from '../../session/session-table.js'

type Filled = { -readonly [K in keyof SessionRow]: SessionRow[K] }

const assignSession = assigner<Session>(SESSION_FIELD_NAMES)
const assignNames = assigner<Names>([
  'clientName',
  'userName',
  'resourceName',
  'siteName',
  'otherClientName',
])

export class PrintedRow {
  #row: Filled | null = null

  /** Valid until the next call. */
  of(session: Session, names: Names): SessionRow {
    this.#row ??= { ...session, orgId: null, siteId: null, meterId: null, ...names }
    assignSession(this.#row, session)
    assignNames(this.#row, names)
    return this.#row
  }
}
