import { once } from 'node:events'
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, session } from '../support/batches.js'
import { runHere } from '../support/run-here.js'
import { TestServer } from '../support/server.js'

let server: TestServer
let admin: string
let pangolin: Server
const work = mkdtempSync(join(tmpdir(), 'tunmeter-commands-'))

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  const sessions = Array.from({ length: 2500 }, (_, i) => session(i + 1))
  await server.request('POST', '/api/v1/org/acme/site/1/sessions', admin, batch(1, sessions))
  pangolin = await fakePangolin()
})
afterAll(async () => {
  pangolin.close()
  await server.stop()
  rmSync(work, { recursive: true })
})

function run(args: string[], env: Record<string, string> | null = {}) {
  return runHere(args, { env: env === null ? {} : { TUNMETER_KEY: admin, ...env } }).finished
}

/** Answers as the documentation of the integration API shows them: envelope, lists by name, pages. */
async function fakePangolin(): Promise<Server> {
  const lists: Record<string, [string, unknown[]]> = {
    '/v1/org/acme/clients': [
      'clients',
      Array.from({ length: 1001 }, (_, i) => ({
        clientId: i + 1,
        name: `machine ${i + 1}`,
        pubKey: i === 0 ? 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=' : null,
        subnet: `100.90.${128 + (i >> 8)}.${i & 255}/24`,
        userId: null,
      })),
    ],
    '/v1/org/acme/user-devices': [
      'devices',
      [{ clientId: 5000, name: 'Ulla’s laptop', pubKey: null, subnet: null, userId: 'u1' }],
    ],
    '/v1/org/acme/users': [
      'users',
      [{ id: 'u1', email: 'ulla@example.org', username: 'ulla', name: null }],
    ],
    '/v1/org/acme/sites': ['sites', [{ siteId: 1, name: 'Berlin', niceId: 'x' }]],
    '/v1/org/acme/site-resources': [
      'siteResources',
      [
        {
          siteResourceId: 7,
          name: 'db',
          destination: '10.0.0.9',
          siteIds: [1],
          tcpPortRangeString: '5432,8000-8010',
          udpPortRangeString: '',
        },
        {
          siteResourceId: 8,
          name: 'net',
          destination: '10.1.0.0/16',
          siteIds: [1, 2],
          tcpPortRangeString: '*',
          udpPortRangeString: '*',
        },
        {
          siteResourceId: 9,
          name: 'wiki',
          destination: 'wiki.internal',
          aliasAddress: '100.96.128.2',
          tcpPortRangeString: '80',
          udpPortRangeString: '*',
        },
        { siteResourceId: 10, name: 'lost', destination: 'lost.internal' },
      ],
    ],
  }
  const fake = createServer((request, response) => {
    const url = new URL(request.url!, 'http://x')
    const found = lists[url.pathname]
    const right = request.headers.authorization === 'Bearer pangolin-key'
    const status = !right ? 401 : found === undefined ? 404 : 200
    const size = Number(url.searchParams.get('pageSize') ?? url.searchParams.get('limit'))
    const start = Number(
      url.searchParams.get('offset') ?? (Number(url.searchParams.get('page')) - 1) * size,
    )
    const data = status === 200 ? { [found![0]]: found![1].slice(start, start + size) } : null
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({
        data,
        success: right,
        error: !right,
        message: right ? 'ok' : 'Unauthorized',
        status,
      }),
    )
  })
  fake.listen(0, '127.0.0.1')
  await once(fake, 'listening')
  return fake
}

test('export writes what the API gives, to a file or a pipe', async () => {
  const file = join(work, 'x.csv')
  const done = await run([
    'export',
    '--server',
    server.url,
    '--output',
    file,
    '--filter',
    'minBytes=8000',
  ])
  expect(done).toMatchObject({ code: 0, stdout: '' })
  expect(done.stderr).toContain('501 sessions of acme written')
  const direct = await server.get('/api/v1/org/acme/logs/connection/export?minBytes=8000', admin)
  expect(readFileSync(file, 'utf8')).toBe(direct.body)
  const piped = await run(['export', '--server', server.url, '--format', 'ndjson'])
  expect(piped.stdout.trim().split('\n')).toHaveLength(2500)
})

test('an export that breaks off says so and leaves the file of before', async () => {
  // As a server that is killed in the middle.
  const broken = createServer((request, response) => {
    if (!request.url!.includes('/export')) {
      const data = { pagination: { total: 9 } }
      response.end(JSON.stringify({ data, success: true, error: false, message: '', status: 200 }))
      return
    }
    response.write('timestamp\r\n1\r\n', () => response.destroy())
  })
  broken.listen(0, '127.0.0.1')
  await once(broken, 'listening')
  const url = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`
  const file = join(work, 'before.csv')
  writeFileSync(file, 'of before')
  const args = ['export', '--server', url, '--org', 'acme']
  for (const output of [['--output', file], []]) {
    const done = await run([...args, ...output])
    expect(done.code).toBe(1)
    expect(done.stderr).toContain('the export broke off')
    expect(done.stderr).toContain('The output is incomplete')
    expect(done.stderr).not.toContain('bug')
  }
  expect(readFileSync(file, 'utf8')).toBe('of before')
  expect(readdirSync(work).filter((name) => name.startsWith('before'))).toEqual(['before.csv'])
  broken.close()
})

test('export says how many sessions came, not how many were counted', async () => {
  const bodies: Record<string, string> = {
    // Line ends and quotes within cells are no rows.
    csv: 'name\r\n"a\n""b"\r\n1\r\n',
    ndjson: '{}\n{"quote":"\\""}\n{}\n',
    parquet: 'PAR1\n\nPAR1',
  }
  const other = createServer((request, response) => {
    const format = new URL(request.url!, 'http://x').searchParams.get('format')
    if (format !== null) response.end(bodies[format])
    else response.end(JSON.stringify({ data: { pagination: { total: 3 } } }))
  })
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
  const file = join(work, 'came')
  const args = ['export', '--server', url, '--org', 'acme', '--output', file, '--format']
  for (const [format, said] of [
    ['csv', '2 sessions of acme (3 were counted before) written to'],
    ['ndjson', '3 sessions of acme written to'],
    ['parquet', '10 bytes (3 sessions of acme counted) written to'],
  ] as const)
    expect((await run([...args, format])).stderr).toBe(`${said} ${file}\n`)
  other.close()
})

test('export says where it cannot write; what is no file is written as it is', async () => {
  const args = ['export', '--server', server.url, '--output']
  const nowhere = await run([...args, join(work, 'none', 'x.csv')])
  expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot write') })
  expect(nowhere.stderr).not.toContain('bug')
  const full = await run([...args, '/dev/full'])
  expect(full).toMatchObject({ code: 1, stderr: expect.stringContaining('no space left') })
  expect((await run([...args, '/dev/null'])).code).toBe(0)
  expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
  // A link stays one.
  const link = join(work, 'link.csv')
  writeFileSync(join(work, 'linked.csv'), '')
  symlinkSync(join(work, 'linked.csv'), link)
  expect((await run([...args, link])).code).toBe(0)
  expect(lstatSync(link).isSymbolicLink()).toBe(true)
  expect(readFileSync(join(work, 'linked.csv'), 'utf8')).toMatch(/^timestamp,/)
})

test('export says what is wrong', async () => {
  expect(await run(['export', '--server', server.url, '--filter', 'colour=red'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('colour'),
  })
  expect(await run(['export', '--server', 'http://192.0.2.1'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--allow-plain-http'),
  })
  expect(await run(['export', '--server', 'http://127.0.0.1:1'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('cannot reach'),
  })
  expect(
    await run(['export', '--server', server.url], { TUNMETER_KEY: 'tm_read_x' }),
  ).toMatchObject({ code: 1, stderr: expect.stringContaining('not known') })
})

test('catalog pull brings clients, users, sites and resources; push and show are inverse', async () => {
  const from = `http://127.0.0.1:${(pangolin.address() as AddressInfo).port}/v1`
  const wrong = await run(['catalog', 'pull', '--server', server.url, '--from', from], {
    TUNMETER_FROM_KEY: 'wrong',
  })
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('Unauthorized') })
  const pulled = await run(['catalog', 'pull', '--server', server.url, '--from', from], {
    TUNMETER_FROM_KEY: 'pangolin-key',
  })
  expect(pulled.stderr).toContain('left out: resource 10 (lost)')
  expect(pulled.code).toBe(0)
  const { data } = (await server.get('/api/v1/org/acme/catalog', admin)).body
  expect(data.clients).toHaveLength(1002)
  expect(data.clients[0]).toMatchObject({
    clientId: 1,
    publicKey: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=',
    addresses: ['100.90.128.0'],
  })
  expect(data.clients.at(-1)).toMatchObject({ clientId: 5000, userId: 'u1' })
  expect(data.users).toEqual([{ userId: 'u1', name: 'ulla', email: 'ulla@example.org' }])
  expect(data.resources).toEqual([
    {
      siteResourceId: 7,
      name: 'db',
      siteId: 1,
      destination: '10.0.0.9',
      protocol: 'tcp',
      ports: ['5432', '8000-8010'],
    },
    {
      siteResourceId: 8,
      name: 'net',
      siteId: null,
      destination: '10.1.0.0/16',
      protocol: null,
      ports: [],
    },
    {
      siteResourceId: 9,
      name: 'wiki',
      siteId: null,
      destination: '100.96.128.2',
      protocol: 'tcp',
      ports: ['80'],
    },
    {
      siteResourceId: 9,
      name: 'wiki',
      siteId: null,
      destination: '100.96.128.2',
      protocol: 'udp',
      ports: [],
    },
  ])
  const shown = await run(['catalog', 'show', '--server', server.url])
  const file = join(work, 'catalog.yaml')
  writeFileSync(file, shown.stdout)
  expect(await run(['catalog', 'push', '--server', server.url, '--file', file])).toMatchObject({
    code: 0,
  })
  expect((await server.get('/api/v1/org/acme/catalog', admin)).body.data).toEqual(data)

  // What would change is shown, with names, and nothing is changed.
  const push = (...more: string[]) =>
    run(['catalog', 'push', '--server', server.url, '--file', file, ...more])
  expect((await push('--dry-run')).stdout).toBe('')
  const { users, ...others } = data
  writeFileSync(
    file,
    JSON.stringify({ ...others, users: [], sites: [{ siteId: 77, name: 'new\n' }] }),
  )
  const dry = await push('--dry-run')
  expect(dry.stdout).toContain('+ sites 77 "new?"\n')
  for (const { userId, name } of users)
    expect(dry.stdout).toContain(`- users ${userId} "${name}"\n`)
  expect([dry.code, dry.stderr]).toEqual([0, expect.stringContaining('nothing was written')])
  writeFileSync(file, '{}')
  const empty = await push()
  expect([empty.code, empty.stderr]).toEqual([
    1,
    expect.stringMatching(/no entries.*--allow-empty/s),
  ])
  expect((await server.get('/api/v1/org/acme/catalog', admin)).body.data).toEqual(data)
  expect((await push('--allow-empty')).code).toBe(0)
  expect((await server.get('/api/v1/org/acme/catalog', admin)).body.data.users).toEqual([])
})

test('a backup is a data directory, made beside a running server and without one', async () => {
  const running = join(work, 'running')
  expect(await run(['backup', '--data', server.data, '--output', running])).toMatchObject({
    code: 0,
  })
  expect(await run(['backup', '--data', server.data, '--output', running])).toMatchObject({
    code: 2,
  })
  const cold = join(work, 'cold')
  expect(await run(['backup', '--data', running, '--output', cold])).toMatchObject({ code: 0 })
  for (const data of [running, cold]) {
    const copy = await TestServer.on(data)
    const { body } = await copy.get('/api/v1/org/acme/logs/connection?limit=1', admin)
    expect(body.data.pagination.total).toBe(2500)
    expect((await copy.get('/api/v1/org/acme/settings', admin)).body.data.retentionDays).toBe(30)
    await copy.stop()
  }
})

test('another program where `server.json` says that the server is makes no backup', async () => {
  const cold = join(work, 'stranger')
  expect(await run(['backup', '--data', server.data, '--output', cold])).toMatchObject({ code: 0 })
  const stranger = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end('{"success":true,"data":{"directory":"/elsewhere/2026"}}')
  }).listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`
  writeFileSync(join(cold, 'server.json'), JSON.stringify({ url, pid: process.pid }))
  const refused = await run(['backup', '--data', cold, '--output', join(work, 'none')])
  stranger.close()
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain(`the server at ${url} answered, and there is no copy at`)
  expect(refused.stderr).not.toContain('bug')
})

test('a second server on the same data says who holds it', async () => {
  const second = await run(['serve', '--data', server.data, '--listen', '127.0.0.1:0'])
  expect(second).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('in use by another process'),
  })
})

test('a server refuses to listen beyond loopback without any key', async () => {
  const refused = await run(['serve', '--data', join(work, 'fresh'), '--listen', '0.0.0.0:0'])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('no key exists') })
})
