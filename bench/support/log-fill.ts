/**
 * Puts millions of sessions into a store in minutes: SQL generates the rows of log-rows.ts (same
 * shapes and skew) in the store's own table. The store makes the hourly sums itself when it opens.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { readLogged } from '../../src/server/ingest/logged.js'
import { DuckStore } from '../../src/server/store/duckdb/duck-store.ts'
import { CLIENTS, LOG_ORG, RESOURCES, SITES } from './log-rows.ts'

/** Rows in one transaction. */
const STEP = 1_000_000
/** Consecutive sessions of one site, as in a batch. */
const RUN_OF_SITE = 500

export interface FillPlan {
  readonly data: string
  readonly from: number
  readonly to: number
  readonly fromUs: number
  readonly usPerRow: number
}

export async function fillLog(plan: FillPlan): Promise<void> {
  mkdirSync(plan.data, { recursive: true })
  // Opening makes the tables; opening again at the end makes the sums.
  await (await openStore(plan.data)).close()
  const instance = await DuckDBInstance.create(join(plan.data, 'sessions.duckdb'), {
    threads: '2',
    memory_limit: '1GiB',
  })
  const connection = await instance.connect()
  const last = await connection.runAndReadAll('SELECT coalesce(max(arrival), -1) + 1 FROM session')
  const arrival = Number(last.getRows()[0]![0])
  for (let at = plan.from; at < plan.to; at += STEP) {
    await connection.run(insertSql(plan, at, Math.min(plan.to, at + STEP), arrival))
    process.stderr.write(`\rfilled ${Math.min(plan.to, at + STEP)}`)
  }
  await connection.run('CHECKPOINT')
  connection.closeSync()
  instance.closeSync()
  await (await openStore(plan.data)).close()
  process.stderr.write('\n')
}

function openStore(directory: string): Promise<DuckStore> {
  return DuckStore.open({ directory, memoryBytes: 512 * 2 ** 20, threads: 2, readLogged })
}

/** A number from 0 to 1, the same in each run: the nth of row `i`. */
const drawn = (nth: number) => `(hash(i * 16 + ${nth}) / 18446744073709551616.0)`

/** By name: a column that came later is null. */
function insertSql({ fromUs, usPerRow }: FillPlan, from: number, to: number, arrival: number) {
  return `INSERT INTO session BY NAME
  WITH a AS MATERIALIZED (SELECT i, i // ${RUN_OF_SITE} % ${SITES} AS site,
      i // ${RUN_OF_SITE * SITES} * ${RUN_OF_SITE} + i % ${RUN_OF_SITE} + 1 AS seq,
      floor(pow(${drawn(1)}, 2) * ${CLIENTS})::INT AS client, floor(pow(${drawn(2)}, 2) * ${RESOURCES})::INT AS res,
      ${drawn(3)} < 0.3 AS udp, (${fromUs} + (i + ${drawn(4)}) * ${usPerRow})::BIGINT AS start_us,
      floor(pow(10, ${drawn(5)} * 2.5))::BIGINT AS ptx, floor(pow(10, ${drawn(6)} * 3))::BIGINT AS prx,
      ${drawn(7)} AS r1, ${drawn(8)} AS r2, ${drawn(9)} AS r3 FROM range(${from}, ${to}) t(i)),
  b AS (SELECT *, CASE WHEN udp THEN 28 ELSE 52 END AS h FROM a)
  SELECT '${LOG_ORG}' AS org_id, site + 1 AS site_id, 'meter-' || (site + 1) AS meter_id,
    '01KAMZ8G000000000' || site AS run, seq, start_us, floor(1000 * pow(10, ${drawn(10)} * 4))::BIGINT AS duration_us,
    CASE WHEN udp THEN 'udp' ELSE 'tcp' END AS protocol,
    '10.8.' || (client >> 7) || '.' || ((client & 127) + 2) AS source_ip,
    32768 + floor(${drawn(11)} * 28232)::INT AS source_port,
    '192.168.' || (res >> 3) || '.' || ((res & 7) + 10) AS dest_ip,
    CASE WHEN udp THEN 53 ELSE [443, 22, 5432, 80][(res & 3) + 1] END AS dest_port,
    ptx * h + floor(ptx * r1 * 1348)::BIGINT AS bytes_tx, prx * h + floor(prx * r2 * 1348)::BIGINT AS bytes_rx,
    ptx AS packets_tx, prx AS packets_rx, 0 AS headers_tx, 0 AS headers_rx,
    CASE WHEN udp THEN 'idleTimeout' ELSE 'endOfFlowDetected' END AS end_reason,
    CASE WHEN r3 < 0.95 THEN 'SF' ELSE 'S0' END AS conn_state,
    CASE WHEN udp THEN 0 ELSE 27 END AS tcp_flags_tx, CASE WHEN udp THEN 0 ELSE 27 END AS tcp_flags_rx,
    CASE WHEN NOT udp THEN 200 + floor(${drawn(12)} * 30000)::BIGINT END AS handshake_rtt_us,
    CASE WHEN udp THEN 'peer' ELSE 'syn' END AS direction_basis, false AS midstream, 1 AS connection_count,
    0 AS retransmits_tx, 0 AS retransmits_rx, 0 AS retransmitted_bytes_tx, 0 AS retransmitted_bytes_rx,
    '203.0.113.' || (client % 250) || ':51820|' || repeat('A', 39) || lpad(client::VARCHAR, 4, '0') || '=' AS peer,
    client + 1 AS client_id, 'user-' || (client >> 1) AS user_id, res + 1 AS site_resource_id,
    false AS seen_twice, ${arrival} AS arrival
  FROM b ORDER BY i // ${RUN_OF_SITE}, start_us`
}
