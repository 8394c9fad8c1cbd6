/**
 * Each query of the boards in packaging/grafana, asked of a real Prometheus that scrapes a real meter and server by
 * packaging/prometheus/prometheus.yml while clients work. No Grafana runs here.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LabProcess, until } from '../support/lab.js'
import { DNS, useOffice, WIKI } from '../support/office-lab.js'
import { ROOT } from '../support/process.js'
import { whyNoLab } from '../support/root-only.js'
import { CLI, LabMeter, LabServer, ORG } from '../support/site-programs.js'
import { curl, dig } from '../support/world.js'

interface Target {
  readonly expr?: string
  readonly legendFormat?: string
}
interface Board {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly Target[] }[]
  readonly templating: { readonly list: readonly { readonly definition?: string }[] }
}
interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

const PROMETHEUS = '127.0.0.1:9090'
const METRICS = '127.0.0.1:9481'
const ADDRESS = '127.0.0.1:8490'
const SITE = 7
const BOARDS = readdirSync(`${ROOT}packaging/grafana/dashboards`).map(
  (file) =>
    JSON.parse(readFileSync(`${ROOT}packaging/grafana/dashboards/${file}`, 'utf8')) as Board,
)
const QUERIES = BOARDS.flatMap(({ panels }) =>
  panels.flatMap(({ title, targets = [] }) =>
    targets.flatMap(({ expr, legendFormat = '' }) =>
      expr === undefined ? [] : [{ title, expr, legend: legendFormat }],
    ),
  ),
)
/** The server has this series from the first time on that it closes a connection for such a reason. */
const MAY_BE_EMPTY = ['tunmeter_server_closed_connections_total']

const reason = whyNoLab()

describe.skipIf(reason !== null)(`boards${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const office = useOffice('tmeb')
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-boards-'))
  let server: LabServer
  let meter: LabMeter
  let prometheus: LabProcess

  const ask = async (path: string, ...given: string[]) => {
    const options = given.flatMap((one) => ['--data-urlencode', one])
    const url = `http://${PROMETHEUS}/api/v1/${path}`
    const { stdout } = await office.world.siteSpace.run('curl', ['-sSG', ...options, url])
    const { status, data, error } = JSON.parse(stdout)
    expect([path, given, status, error]).toEqual([path, given, 'success', undefined])
    return data
  }
  const query = async (expr: string): Promise<Series[]> =>
    (await ask('query', `query=${expr}`)).result

  beforeAll(async () => {
    const { siteSpace: space, site, catalog } = office.world
    const chosen = ['--metrics-clients', `${ORG}/*`, '--metrics-resources', `${ORG}/*`]
    const open = ['--allow-plain-destinations', '--allow-private-destinations']
    server = await LabServer.start(space, ADDRESS, [...open, ...chosen])
    await server.putCatalog(catalog)
    const destination = join(directory, 'destination.json')
    const settings = { url: `http://${WIKI}/up` }
    writeFileSync(destination, JSON.stringify({ kind: 'webhook', name: 'siem', settings }))
    const key = await server.key('admin')
    const add = ['destinations', 'add', destination, '--server', server.url, '--key', key]
    await space.run('node', [CLI, ...add])
    meter = await LabMeter.start({
      ...{ space, interfaceName: site.name, server, siteId: SITE, catalog },
      more: [
        ...['--metrics-listen', METRICS, '--metrics-clients', '*', '--metrics-resources', '*'],
        ...['--active-timeout', '1s', '--report-interval', '1s', '--user', 'root'],
        ...['--output', `${join(directory, 'out')}/`],
      ],
    })
    const folder = `${ROOT}packaging/prometheus`
    cpSync(`${folder}/tunmeter.rules.yml`, join(directory, 'tunmeter.rules.yml'))
    const configuration = readFileSync(`${folder}/prometheus.yml`, 'utf8')
      .replace('"gateway-berlin:9480", "gateway-lyon:9480"', `"${METRICS}"`)
      .replace('"127.0.0.1:8480"', `"${ADDRESS}"`)
    writeFileSync(
      join(directory, 'prometheus.yml'),
      `global: { scrape_interval: 1s, evaluation_interval: 1s }\n${configuration}`,
    )
    prometheus = space.spawn('prometheus', [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${PROMETHEUS}`,
    ])
    await prometheus.says('Server is ready')
  }, 240_000)
  afterAll(async () => {
    await prometheus?.stop()
    await meter?.remove()
    await server?.remove()
    rmSync(directory, { recursive: true, force: true })
  })

  test('each query of a panel has data, under the labels of its legend', async () => {
    const { clients } = office.world
    await until(
      'clients work while Prometheus scrapes',
      async () => {
        await curl(clients.anna!.space, `http://${WIKI}/512`)
        await curl(clients.anna!.space, `http://${WIKI}:9999/`)
        await dig(clients.mei!.space, DNS, 'wiki.corp.example')
        await clients.ravi!.space.run('ping', ['-c', '1', WIKI])
        await curl(
          office.world.siteSpace,
          '-H',
          'authorization: Bearer no',
          `${server.url}/api/v1/org/${ORG}/sites`,
        )
        await server.export()
        const all = 'rate(tunmeter_destination_delivered_total[5s]) > 0'
        return (await query(all)).length > 0 && (await query('up offset 12s')).length === 2
      },
      200_000,
    )
    for (const { title, expr, legend } of QUERIES) {
      const filled = expr
        .replaceAll('$__rate_interval', '10s')
        .replaceAll(/\$(?:instance|org)\b/g, '.+')
      const labels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!)
      // Again and again, because a slow machine may miss a scrape.
      const series = MAY_BE_EMPTY.some((metric) => expr.includes(metric))
        ? await query(filled)
        : await until(`data of "${title}": ${expr}`, async () => {
            const found = await query(filled)
            return found.length > 0 ? found : null
          })
      for (const { metric } of series)
        expect([title, Object.keys(metric)]).toEqual([title, expect.arrayContaining(labels)])
    }
    for (const { definition = '' } of BOARDS.flatMap(({ templating }) => templating.list)) {
      const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? []
      if (metric === undefined) continue
      expect([
        definition,
        (await ask(`label/${label}/values`, `match[]=${metric}`)).length,
      ]).not.toEqual([definition, 0])
    }
  })

  test('each rule is evaluated without an error', async () => {
    const rules = (await ask('rules')).groups.flatMap(
      ({ rules }: { rules: readonly { name: string; health: string }[] }) => rules,
    )
    expect(rules.length).toBeGreaterThan(10)
    for (const { name, health } of rules) expect([name, health]).toEqual([name, 'ok'])
  })
})
