/** What goes wrong around a running server: killed in the middle, clients that leave, files of another version, TLS. */

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { readLogged } from '../../../src/server/ingest/logged.js'
import { DuckStore } from '../../../src/server/store/duckdb/duck-store.js'
import { batch, session } from '../../support/batches.js'
import { rounds } from '../../support/rounds.js'
import { TestServer } from '../../support/server.js'

const SESSIONS = '/api/v1/org/acme/site/1/sessions'
const LOG = '/api/v1/org/acme/logs/connection'

test('killed again and again while a meter sends: each session is stored exactly once', {
  timeout: 120_000,
}, async () => {
  const server = await TestServer.start()
  const admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  const kills = rounds(2, 4)
  const batches = 10 * kills
  let up: Promise<unknown> = Promise.resolve()
  let acknowledged = 0
  let repeated = 0
  const sending = (async () => {
    for (let number = 1; number <= batches; number++) {
      // Every session comes three times: open, at its end, and once more with late packets.
      const ids = Array.from({ length: 100 }, (_, i) => (number - 1) * 100 + i + 1)
      const before = ids.map((id) => session(id - 100, { packetsTx: 99 })).filter(() => number > 1)
      const now = ids.flatMap((id) => [
        session(id, { endReason: 'activeTimeout', packetsTx: 1 }),
        session(id),
      ])
      for (;;) {
        const answer = await server
          .request('POST', SESSIONS, admin, batch(number, [...before, ...now]))
          .catch(() => null)
        if (answer?.status !== 200) {
          await up
          continue
        }
        if (answer.body.data.repeated) repeated++
        acknowledged = number
        break
      }
    }
  })()
  for (let kill = 1; kill <= kills; kill++) {
    const after = Math.floor((batches * kill) / (kills + 1))
    await expect
      .poll(() => acknowledged, { interval: 1, timeout: 60_000 })
      .toBeGreaterThanOrEqual(after)
    up = server.kill('SIGKILL').then(() => server.spawn())
    await up
  }
  await sending
  const { totals } = (await server.get(`${LOG}/summary`, admin)).body.data
  const count = batches * 100
  expect({ sessions: totals.sessions, open: totals.open }).toEqual({ sessions: count, open: 0 })
  expect(totals.packetsTx).toBe((count - 100) * 99 + 100 * 10)
  const { data } = (await server.get(`${LOG}?limit=1`, admin)).body
  expect(data.gaps).toEqual([])
  expect(repeated).toBeLessThanOrEqual(kills)
  await server.stop()
})

test('an export whose client leaves ends, and its query with it', {
  timeout: 120_000,
}, async () => {
  const server = await TestServer.start()
  const admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  // More than the sockets hold, so that an export that nobody reads goes on: rows with long names, to be few.
  const batches = 5
  for (let b = 0; b < batches; b++) {
    const sessions = Array.from({ length: 5000 }, (_, i) => session(b * 5000 + i + 1))
    await server.request('POST', SESSIONS, admin, batch(b + 1, sessions))
  }
  const name = 'long name '.repeat(25)
  const named = {
    clients: [{ clientId: 1, name }],
    users: [{ userId: 'u1', name }],
    sites: [{ siteId: 1, name }],
    resources: [{ siteResourceId: 7, name, siteId: 1, destination: '192.168.10.5' }],
  }
  const put = await server.request('PUT', '/api/v1/org/acme/catalog', admin, named)
  expect(put.status).toBe(200)
  const running = async () => {
    const { body } = await server.get('/metrics')
    return Number(/^tunmeter_server_exports_running (\d+)$/m.exec(body)?.[1])
  }
  // As many as may run at once of one organisation; half of them sorted on disk first.
  const leaving = Array.from({ length: 4 }, () => new AbortController())
  for (const [i, { signal }] of leaving.entries()) {
    const sort = i % 2 === 0 ? 'bytes' : 'startTime'
    const response = await fetch(`${server.url}${LOG}/export?format=ndjson&sort=${sort}`, {
      headers: { authorization: `Bearer ${admin}`, 'accept-encoding': 'identity' },
      signal,
    })
    expect(response.status).toBe(200)
    await response.body!.getReader().read()
  }
  expect(await running()).toBe(4)
  const refused = await server.get(`${LOG}/export`, admin)
  expect([refused.status, refused.body.code]).toEqual([503, 'storeBusy'])
  expect(refused.body.message).toContain('of this organisation')
  expect(refused.headers.get('retry-after')).not.toBeNull()
  const other = await server.key({ scope: 'admin', org: 'other' })
  expect((await server.get('/api/v1/org/other/logs/connection/export', other)).status).toBe(200)
  for (const controller of leaving) controller.abort()
  await expect.poll(running, { timeout: 60_000 }).toBe(0)
  const all = await server.get(`${LOG}/export`, admin)
  expect(all.body.split('\r\n')).toHaveLength(batches * 5000 + 2)
  expect(all.body.length).toBeGreaterThan(batches * 5000 * 4 * name.length)
  expect(server.log.filter((l) => l.includes('"level":50'))).toEqual([])
  await server.stop()
})

test('a connection that asks for nothing does not keep the server from ending', {
  timeout: 30_000,
}, async () => {
  const server = await TestServer.start()
  const silent = connect(Number(new URL(server.url).port), '127.0.0.1')
  const closed = once(silent, 'close')
  await once(silent, 'connect')
  silent.on('error', () => undefined)
  await server.stop()
  await closed
  expect(silent.destroyed).toBe(true)
})

test('a database of a newer version is refused with what to do', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-newer-'))
  const options = { directory, memoryBytes: 128 * 2 ** 20, threads: 1, readLogged }
  await (await DuckStore.open(options)).close()
  const instance = await DuckDBInstance.create(join(directory, 'sessions.duckdb'))
  const connection = await instance.connect()
  await connection.run('INSERT INTO schema_version VALUES (99)')
  connection.closeSync()
  instance.closeSync()
  await expect(DuckStore.open(options)).rejects.toMatchObject({
    code: 'STORE_NEWER',
    message: expect.stringContaining('version 99'),
  })
  rmSync(directory, { recursive: true })
})

test('TLS by certificate and key files', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-tls-'))
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '1',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ],
    { stdio: 'ignore' },
  )
  const server = await TestServer.start('--tls-cert', cert, '--tls-key', key)
  expect(server.url).toMatch(/^https:/)
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
    httpsRequest(`${server.url}/healthz`, { ca: readFileSync(cert) }, (response) => {
      response.resume()
      resolve({ ...response.headers, status: response.statusCode })
    })
      .on('error', reject)
      .end()
  })
  expect(headers).toMatchObject({
    status: 200,
    'strict-transport-security': expect.stringContaining('max-age'),
  })
  await server.stop()
  rmSync(directory, { recursive: true })
})
