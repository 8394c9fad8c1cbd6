/** Columns that are read from DuckDB's memory are those that its own client reads. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { columnsOf } from '../../../src/server/store/duckdb/read/chunk-columns.js'

let instance: DuckDBInstance
let connection: DuckDBConnection

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
})

afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

const TYPES: Readonly<Record<string, string>> = {
  numbers: 'i::DOUBLE / 3',
  'numbers with NULLs': 'if(i % 3 = 0, NULL, i)::DOUBLE',
  'no numbers': 'NULL::DOUBLE',
  'short and long texts, empty ones and NULLs':
    "if(i % 5 = 0, NULL, repeat(['', 'é', 'x', '日本', chr(0)][1 + i % 5], i % 9))",
  // The same first letters, and the same hash now and then.
  'many different texts': "'t' || i",
  'texts of 12 and 13 bytes': "repeat('a', 12 + i % 2)",
  'words of an ENUM': "enum_range(NULL::ENUM ('first', 'second'))[1 + i % 2]",
  flags: 'if(i % 7 = 0, NULL, i % 2 = 1)',
  'small and large integers': '(255 - i % 256)::UTINYINT',
  lists: '[i, i + 1]',
}

test.each(Object.entries(TYPES))('%s', async (_, sql) => {
  for (const rows of [0, 1, 63, 64, 65, 5000]) {
    const result = await connection.run(`SELECT ${sql} AS v FROM range(${rows}) t(i)`)
    for (const chunk of await result.fetchAllChunks()) {
      const [column] = columnsOf(chunk)
      expect([...(column as unknown[])]).toEqual(chunk.getColumns()[0])
    }
  }
})
