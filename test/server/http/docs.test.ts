/** Every curl line of docs/api.md runs as it stands and succeeds, and every route of the description has one. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestServer } from '../../support/server.js'

const LINES = readFileSync('docs/api.md', 'utf8')
  .split('\n')
  .filter((line) => /^((KEY_ID|DEST)=.*)?curl /.test(line))

let server: TestServer
let env: Record<string, string>

beforeAll(async () => {
  server = await TestServer.start()
  const admin = await server.key({ scope: 'admin', org: 'acme' })
  env = {
    URL: server.url,
    ADMIN: admin,
    ROOT: await server.key({ scope: 'root' }),
    PATH: process.env.PATH!,
  }
})
afterAll(() => server.stop())

test('each line succeeds', () => {
  expect(LINES.length).toBeGreaterThan(20)
  for (const line of LINES) {
    const isRefused = line.includes('/meter/')
    const withStatus = isRefused ? line : line.replaceAll('curl -sS', 'curl -sS --fail-with-body')
    const output = execFileSync('bash', ['--norc', '-eo', 'pipefail', '-c', withStatus], {
      env,
      encoding: 'utf8',
    })
    if (isRefused) expect(JSON.parse(output)).toMatchObject({ code: 'meterReports' })
    else if (output.startsWith('{"data"'))
      expect(JSON.parse(output)).toMatchObject({ success: true, error: false })
    // No session is stored yet: an NDJSON export is empty.
    else if (!line.includes('format=ndjson')) expect(output).not.toBe('')
  }
})

test('each route has a line', async () => {
  const { paths } = (await server.get('/openapi.json')).body
  for (const [path, methods] of Object.entries<object>(paths)) {
    const pattern = path
      .replace('{orgId}', 'acme')
      .replace('{siteId}', '1')
      .replace('{meterId}', 'curl')
      .replace('{keyId}', '$KEY_ID')
      .replace('{destinationId}', '$DEST')
      .replace('{backfillId}', '2')
    for (const method of Object.keys(methods)) {
      const found = LINES.some((line) => {
        const url = line.match(/"\$URL([^"?]*)[^"]*"(?!.*\$URL)/)?.[1]
        const used = /-X (\w+)(?!.*-X)/.exec(line)?.[1] ?? 'GET'
        return url === pattern && used.toLowerCase() === method
      })
      expect([method, path, found]).toEqual([method, path, true])
    }
  }
})
