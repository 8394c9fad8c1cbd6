/**
 * Boards ask for what is there: expressions are PromQL (promtool), their metrics and labels are in the programs' own
 * /metrics, and each address of the board "traffic" answers with the fields that its table shows. No Grafana runs here.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { METER_METRICS, MeterMetrics } from '../../src/meter/metrics/meter-metrics.js'
import type { MeterSnapshot } from '../../src/meter/metrics/snapshot.js'
import { batch, session } from '../support/batches.js'
import { aPeerEvent } from '../support/peer-events.js'
import { TestServer } from '../support/server.js'
import { temporaryDirectory } from '../support/temporary.js'

interface Target {
  readonly refId: string
  readonly expr?: string
  readonly legendFormat?: string
  readonly url?: string
  readonly root_selector?: string
  readonly columns?: readonly { readonly selector: string }[]
}

interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly Target[]
}

interface Board {
  readonly uid: string
  readonly panels: readonly Panel[]
  readonly templating: {
    readonly list: readonly {
      readonly name: string
      readonly type: string
      readonly definition?: string
    }[]
  }
}

const FOLDER = 'packaging/grafana/dashboards'
const FILES = readdirSync(FOLDER)
const board = (file: string) => JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Board
const targetsOf = ({ panels }: Board) =>
  panels.flatMap(({ title, targets = [] }) => targets.map((one) => ({ title, ...one })))
const queries = FILES.flatMap((file) =>
  targetsOf(board(file)).flatMap(({ title, expr, legendFormat = '' }) =>
    expr === undefined ? [] : [{ file, title, expr, legend: legendFormat }],
  ),
)
/** As Grafana sends it when all is chosen. */
const filled = (expr: string) =>
  expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(?:instance|org)\b/g, '.+')

let server: TestServer
let admin: string
let text: string

beforeAll(async () => {
  server = await TestServer.start(
    ...['--allow-plain-destinations', '--allow-private-destinations'],
    ...['--metrics-clients', 'acme/*', '--metrics-resources', 'acme/*'],
  )
  const org = { org: 'acme', retentionDays: -1 }
  admin = await server.key({ scope: 'admin', ...org })
  const ingest = await server.key({ scope: 'ingest', org: 'acme', site: 1 })
  const root = await server.key({ scope: 'root' })
  const settings = { url: 'http://127.0.0.1:1/' }
  const wanted = { name: 'away', kind: 'webhook', settings }
  const base = '/api/v1/org/acme'
  expect((await server.request('POST', `${base}/destinations`, admin, wanted)).status).toBe(201)
  const clients = [{ clientId: 1, name: 'laptop' }]
  const resources = [{ siteResourceId: 2, name: 'files', destination: '10.0.0.2' }]
  const catalog = { clients, resources }
  expect((await server.request('PUT', `${base}/catalog`, admin, catalog)).status).toBe(200)
  const nowUs = Date.now() * 1e3
  const times = { startTimeUs: nowUs - 60e6, endTimeUs: nowUs - 50e6 }
  const named = { ...session(1), ...times, clientId: 1, siteResourceId: 2, userId: 'u1' }
  const peerEvents = [aPeerEvent({ timeUs: nowUs - 60e6, handshakeUs: null })]
  const sent = { ...batch(1, [named]), peerEvents }
  expect((await server.request('POST', `${base}/site/1/sessions`, ingest, sent)).status).toBe(200)
  const meter = new MeterMetrics(
    () => ({ interfaces: [], outputs: [], sessionsDropped: {} }) as unknown as MeterSnapshot,
  )
  text = `${await meter.text()}${(await server.get('/metrics', root)).body as string}`
})
afterAll(() => server.stop())

/** Labels of a metric: those of a meter's by their definition, those of the server by its samples; else undefined. */
function labelsOf(name: string): Set<string> | undefined {
  const defined = METER_METRICS.find((one) => one.name === name)
  if (defined !== undefined) return new Set(defined.labels)
  const samples = [...text.matchAll(new RegExp(`^${name}\\{(.*)\\} `, 'gm'))]
  if (samples.length === 0) return undefined
  return new Set(
    samples.flatMap(([, pairs]) => [...pairs!.matchAll(/(\w+)="/g)].map(([, l]) => l!)),
  )
}

const METRIC = /\b(?:tunmeter|process|nodejs)_\w+/g

test('there are boards for the meter, the server and the traffic, with panels that do not overlap', () => {
  expect(FILES).toEqual(['meter.json', 'server.json', 'traffic.json'])
  for (const file of FILES) {
    const { uid, panels } = board(file)
    expect(uid).toBe(`tunmeter-${file.replace('.json', '')}`)
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24)
  }
})

test('each metric and label of an expression is one of a program', () => {
  expect(queries.length).toBeGreaterThan(60)
  for (const { file, title, expr, legend } of queries) {
    const names = [...new Set(expr.match(METRIC) ?? [])]
    expect([title, names.length > 0]).toEqual([title, true])
    const labels = new Set(['instance', 'job', 'le'])
    let isKnown = true
    for (const name of names) {
      const family = name.replace(/_(?:bucket|count|sum)$/, '')
      expect([
        file,
        title,
        name,
        text.includes(`# TYPE ${name} `) || text.includes(`# TYPE ${family} histogram`),
      ]).toEqual([file, title, name, true])
      const own = labelsOf(name)
      isKnown &&= own !== undefined
      for (const label of own ?? []) labels.add(label)
    }
    if (!isKnown) continue
    const used = [
      ...[...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, l]) => l!),
      ...[...expr.matchAll(/(\w+)=~?"/g)].map(([, l]) => l!),
      ...[...expr.matchAll(/\b(?:by|on) ?\(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/, ?/)),
    ]
    for (const label of used)
      expect([title, label, labels.has(label)]).toEqual([title, label, true])
  }
})

test('variables ask for labels of metrics that are there', () => {
  const asked = FILES.flatMap((file) => board(file).templating.list)
    .flatMap(({ definition }) => definition ?? [])
    .map((one) => /^label_values\((\w+), (\w+)\)$/.exec(one)!.slice(1) as [string, string])
  expect(asked).toHaveLength(3)
  for (const [name, label] of asked) {
    expect(text).toContain(`# TYPE ${name} `)
    if (label !== 'instance') expect(labelsOf(name)).toContain(label)
  }
})

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined
test.skipIf(!hasPromtool)(
  `each expression is PromQL${hasPromtool ? '' : ' (skipped: no promtool)'}`,
  () => {
    const file = join(temporaryDirectory(), 'boards.rules.yml')
    const rules = queries.map(({ expr }, i) => ({ record: `board:${i}`, expr: filled(expr) }))
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'boards', rules }] }))
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], {
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`${queries.length} rules found`)
  },
)

describe('traffic', () => {
  const tables = targetsOf(board('traffic.json')).filter(({ url }) => url !== undefined)
  const at = (value: unknown, path: string): unknown =>
    path.split('.').reduce<unknown>((one, key) => (one as Record<string, unknown>)?.[key], value)
  const from = new Date(Date.now() - 6 * 3600e3).toISOString()
  const to = new Date(Date.now() + 60e3).toISOString()

  test('has tables', () => expect(tables.length).toBeGreaterThan(8))

  test.each(tables)(
    '$title: the server answers with the fields of the table',
    async ({ url, root_selector, columns }) => {
      const path = url!
        .replaceAll(`\${org}`, 'acme')
        .replace(`\${__from:date:iso}`, from)
        .replace(`\${__to:date:iso}`, to)
      expect(path).not.toContain('$')
      const { status, body } = await server.get(path, admin)
      expect([status, body.message]).toEqual([200, 'OK'])
      const rows = at(body, root_selector!) as unknown[]
      expect([Array.isArray(rows), rows.length > 0]).toEqual([true, true])
      for (const { selector } of columns!)
        expect([selector, at(rows[0], selector) !== undefined]).toEqual([selector, true])
    },
  )
})
