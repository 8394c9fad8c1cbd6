/**
 * One row object for all rows. Writers must not keep it.
 *
 * A new object per row, spread from session, origin and names, took ten times as long as writing it, because V8 makes
 * a dictionary of so many properties from several sources. Most of that time was garbage collection.
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
