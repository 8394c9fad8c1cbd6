/** The shell block of docs/api.md runs as it stands, every line succeeds, and every route of the description has one. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestServer } from '../../support/server.js'

const LINES = readFileSync('docs/api.md', 'utf8')
  .split('## Try it')[1]!
  .split('```')[1]!
  .split('\n')
  .filter((line) => line !== 'sh' && line !== '' && !line.startsWith('#'))
const SEPARATOR = '\n-- next line --\n'

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
  const requests = LINES.filter((line) => /^(admin|root|curl) /.test(line))
  expect(requests.length).toBeGreaterThan(20)
  const script = LINES.flatMap((line) => [line, `printf '%s' '${SEPARATOR}'`]).join('\n')
  const output = execFileSync('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
    env,
    stdio: 'pipe',
  })
  const answers = output.toString().split(SEPARATOR)
  expect(answers).toHaveLength(LINES.length + 1)
  for (const [at, line] of LINES.entries()) {
    const answer = answers[at]!
    const refused = line.endsWith('|| true')
    if (refused) expect(JSON.parse(answer)).toMatchObject({ code: 'meterReports' })
    else if (answer.startsWith('{"data"'))
      expect(JSON.parse(answer)).toMatchObject({ success: true, error: false })
    // No session is stored yet: an NDJSON export is empty.
    else if (requests.includes(line) && !line.includes('format=ndjson')) expect(answer).not.toBe('')
  }
})

/** Method and path of the request in a line. */
function requestOf(line: string): readonly [string, string] | null {
  const quoted = /(?:admin|root|curl) [^|]*"(\$[^"?]*)[^"|]*"/.exec(line)?.[1]
  if (quoted === undefined) return null
  const path = quoted
    .replace('$destination', '$org/destinations/{destinationId}')
    .replace('$view', '$org/views/{viewId}')
    .replace('$alert', '$org/alerts/{alertId}')
    .replace('$org', '$URL/api/v1/org/acme')
    .replace('$URL', '')
    .replace('$key', '{keyId}')
    .replace('$backfill', '{backfillId}')
    .replace('/org/acme', '/org/{orgId}')
    .replace('/site/1', '/site/{siteId}')
    .replace('/meter/curl', '/meter/{meterId}')
  const method = /-X (\w+)/.exec(line)?.[1] ?? (line.includes('--json') ? 'POST' : 'GET')
  return [method.toLowerCase(), path]
}

test('each route has a line', async () => {
  const { paths } = (await server.get('/openapi.json')).body
  const routes = Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  const shown = LINES.flatMap((line) => requestOf(line)?.join(' ') ?? [])
  expect(new Set([...routes, ...shown])).toEqual(new Set(shown))
  expect(routes.length).toBeGreaterThan(30)
})
