/** A server below a path of a host, behind a proxy that keeps or removes the path. */
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OWN_PARTS, parseBasePath, withoutBase } from '../../../src/server/http/base-path.js'
import { PAGES } from '../../../src/server/http/dashboard.js'
import { type PathProxy, startPathProxy } from '../../support/path-proxy.js'
import { runHere } from '../../support/run-here.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let key: string
const proxies: PathProxy[] = []
beforeAll(async () => {
  server = await TestServer.start('--base-path', '/logs', '--trust-proxy', '127.0.0.1')
  key = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  for (const how of ['keeps', 'removes'] as const)
    proxies.push(await startPathProxy('/logs/', server.url, how))
})
afterAll(async () => {
  for (const proxy of proxies) proxy.stop()
  await server?.stop()
})

const signIn = async (url: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${url}api/v1/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ key }),
  })
  expect(response.status).toBe(200)
  return response.headers.get('set-cookie')!
}

describe.each([0, 1])('behind a proxy that keeps (0) or removes (1) the path: %i', (which) => {
  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(proxies[which]!.url + path, { headers })

  test('the API answers, and the cookie is for the path only', async () => {
    const set = await signIn(proxies[which]!.url)
    expect(set).toMatch(/^tunmeter=[\w-]{43}; .*Path=\/logs\/; HttpOnly; SameSite=Strict$/)
    const [cookie = ''] = set.split(';')
    expect((await ask('api/v1/org/acme/settings', { cookie })).status).toBe(200)
    const out = await fetch(`${proxies[which]!.url}api/v1/logout`, {
      method: 'POST',
      headers: { cookie },
    })
    expect(out.headers.get('set-cookie')).toMatch(/^tunmeter=; .*Path=\/logs\/;/)
  })

  test('every page names its files below the path, and they are there', async () => {
    for (const page of ['', 'overview', 'client/7', 'no-such-page']) {
      const answer = await ask(page, { accept: 'text/html' })
      expect(answer.status).toBe(page === 'no-such-page' ? 404 : 200)
      const html = await answer.text()
      expect(html).toContain('data-base="/logs"')
      const files = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path!)
      expect(files.length).toBeGreaterThan(3)
      for (const file of files) {
        expect(file).toMatch(/^\/logs\//)
        expect((await ask(file.slice('/logs/'.length))).status).toBe(200)
      }
    }
  })

  test('the reference of the API finds its files, and the description names the path', async () => {
    const docs = await (await ask('docs')).text()
    for (const [, file] of docs.matchAll(/href="([^"]+)"/g))
      expect((await fetch(new URL(file!, `${proxies[which]!.url}docs`))).status).toBe(200)
    const description = await (await ask('openapi.json')).json()
    expect(description.servers).toEqual([{ url: '/logs' }])
  })

  test('commands take the address with the path', async () => {
    const args = ['usage', '--server', proxies[which]!.url, '--key', key]
    const { code, stderr } = await runHere(args).finished
    expect(code).toBe(0)
    expect(stderr).toMatch(/^nothing from \d{4}-\d\d to /)
  })
})

test('over HTTPS the cookie has the prefix that its path allows', async () => {
  const set = await signIn(`${server.url}/logs/`, { 'x-forwarded-proto': 'https' })
  expect(set).toMatch(/^__Secure-tunmeter=[\w-]{43}; .*Path=\/logs\/; .*Secure/)
})

test('without a proxy the server answers without the path, too', async () => {
  expect((await server.get('/healthz')).status).toBe(200)
  expect((await server.get('/logs/healthz')).status).toBe(200)
  expect((await server.get('/logs', undefined)).body).toContain('<div id="app">')
  expect((await server.get('/logsapi/v1/key', key)).status).toBe(404)
})

test('a base path is a path, and none that begins as the server’s own', async () => {
  expect(['/', '/logs', '/logs/', '/a/b.c/'].map(parseBasePath)).toEqual([
    '/',
    '/logs/',
    '/logs/',
    '/a/b.c/',
  ])
  const wrong = ['logs/', '/a//b', '/../x/', '/a b/', '/"x/', `/${'x'.repeat(200)}/`, '/api/', '//']
  expect(wrong.map(parseBasePath)).toEqual(wrong.map(() => undefined))
  expect(withoutBase('/logs/api?x=/logs/', '/logs/')).toBe('/api?x=/logs/')
  const run = runHere(['serve', '--data', server.data, '--base-path', '/api/'])
  const { code, stderr } = await run.finished
  expect(code).toBe(2)
  expect(stderr).toContain('--base-path: "/api/": expected a path')
})

test('the server’s own paths are known', async () => {
  const { paths } = (await server.get('/openapi.json')).body as { paths: object }
  const dashboard = readdirSync(new URL('../../../dist/dashboard', import.meta.url))
  const files = dashboard.filter((name) => !/\.(?:gz|br|html)$/.test(name))
  const all = [...Object.keys(paths), ...PAGES, ...files.map((name) => `/${name}`)]
  const parts = new Set(all.map((path) => path.split('/')[1]!))
  // `/logs` is an earlier address of the log's page, which begins the page anew wherever it comes from.
  for (const known of ['', 'logs']) parts.delete(known)
  expect([...parts].filter((part) => !OWN_PARTS.includes(part))).toEqual([])
})
