import { expect, test } from 'vitest'
import { PrintedRow } from '../../../src/meter/output/printed-row.js'
import type { SessionRow } from '../../../src/session/fields.js'
import type { Session } from '../../../src/session/session.js'
import { aRow, aSession } from '../../support/sessions.js'

test('every field is of the latest session, none of the one before', () => {
  const names = {
    clientName: 'a',
    userName: 'b',
    resourceName: 'c',
    siteName: 'd',
    otherClientName: 'e',
  }
  const other = Object.fromEntries(
    Object.entries(aSession()).map(([name, value]) => [name, `other ${value}`]),
  ) as unknown as Session
  const row = new PrintedRow()
  expect(row.of(aSession(), aRow())).toEqual(aRow())
  const want: SessionRow = { ...other, ...names, orgId: null, siteId: null, meterId: null }
  expect({ ...row.of(other, names) }).toEqual(want)
})
