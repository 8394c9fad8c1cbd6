/** Which losses an answer has when there are more than it may hold. */
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, onTestFinished, test } from 'vitest'
import { rowsIn } from '../../../src/server/store/duckdb/database.js'
import { MIGRATIONS } from '../../../src/server/store/duckdb/schema/schema.js'
import { gaps } from '../../../src/server/store/meters/reports.js'

test('each meter’s newest ones come first: many of one site hide no other’s only one', async () => {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  onTestFinished(() => {
    connection.closeSync()
    instance.closeSync()
  })
  for (const step of MIGRATIONS) await connection.run(step)
  await connection.run(`INSERT INTO batch_gap BY NAME
    SELECT 'acme' AS org_id, i // 10 + 1 AS site_id, 'noisy' AS meter_id, NULL AS from_batch, NULL AS to_batch,
      'spoolBound' AS reason, 1 AS sessions, 1000 + i AS from_us, 1001 + i AS to_us, '' AS spool_id FROM range(100) t(i)
    UNION ALL SELECT 'acme', 99, 'quiet', NULL, NULL, 'spoolBound', 1, 5, 6, ''`)
  const shown = await gaps(rowsIn(connection), 'acme', {
    fromUs: 0,
    toUs: 1e6,
    siteIds: undefined,
    shown: 11,
  })
  expect(shown.map(({ siteId }) => siteId).sort((a, b) => a - b)).toEqual([
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    99,
  ])
})
