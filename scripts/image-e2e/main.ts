/**
 * Tests the container images with runc and the settings of packaging/compose: a server with a
 * volume, and a meter in the network of another container. The meter meters that container's
 * interface, and the server must return the sessions. Then each example's meter, as it stands.
 *
 *     node --import tsx scripts/image-e2e/main.ts [--built]
 *
 * Needs root, runc, umoci, iproute2 and the needs of scripts/release/oci.ts; --built uses
 * build/release/oci as it is. If there are images for arm64, they are inspected and run, too:
 * foreign.ts.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { manifest } from '../release/closure.ts'
import { run } from '../release/run.ts'
import { ROOT } from '../release/stage.ts'
import { type Bundle, remove, serviceOf, unpack } from './container.ts'
import { foreign } from './foreign.ts'
import {
  archiveOf,
  begin,
  COMPOSE,
  check,
  end,
  keysOf,
  logOf,
  otherService,
  passedChecks,
  ready,
  renameInterface,
  SPACE,
  status,
  talk,
  tidy,
  until,
  volume,
  work,
} from './harness.ts'

function inspect(kind: string, architecture: string, bundle: Bundle): void {
  const file = archiveOf(kind, architecture).replace(/tar$/, 'cdx.json')
  const { components } = JSON.parse(readFileSync(file, 'utf8'))
  const listed = new Set(components.map(({ purl }: { purl: string }) => purl.split('?')[0]))
  const modules = join(bundle.root, 'usr/lib/tunmeter/node_modules')
  const missing = readdirSync(modules, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(?:^|node_modules\/)(?:@[^/]+\/)?[^/@]+\/package\.json$/.test(path))
    .map((path) => manifest(join(modules, path, '..')))
    .filter(({ name }) => !name.startsWith('@tunmeter/'))
    .map(({ name, version }) => `pkg:npm/${name.replace('@', '%40')}@${version}`)
    .filter((purl) => !listed.has(purl))
  check(
    `${kind} ${architecture}: its bill of materials lists every package`,
    missing.length === 0,
    missing,
  )
  const setuid = readdirSync(bundle.root, { recursive: true, encoding: 'utf8' })
    .map((path) => join(bundle.root, path))
    .filter((path) => existsSync(path) && (statSync(path).mode & 0o6000) !== 0)
  check(`${kind} ${architecture}: nothing is setuid`, setuid.length === 0, setuid)
}

/** @param began when unpacking of the images began */
async function scenario(
  network: number,
  meterImage: Bundle,
  serverImage: Bundle,
  began: number,
): Promise<void> {
  const place = {
    network,
    work,
    volumes: { tunmeter: volume('meter'), 'tunmeter-server': volume('server') },
  }
  const ofServer = serviceOf(join(COMPOSE, 'server.yaml'), {})
  let server = begin(`${SPACE}-server`, serverImage, ofServer, place)
  await ready(server)
  check(
    'the server is not root and has no capability',
    /^65532\t/.test(status(server, 'Uid')) && /^0+$/.test(status(server, 'CapEff')),
  )
  const { admin, ingest } = keysOf(server)
  const env = { TUNMETER_TO: 'http://127.0.0.1:8480', TUNMETER_KEY: ingest }
  const ofMeter = serviceOf(join(COMPOSE, 'wg-easy.yaml'), env)
  const meter = begin(`${SPACE}-meter`, meterImage, ofMeter, place)
  await ready(meter)
  check(
    'the meter is not root and has the two capabilities',
    /^65532\t/.test(status(meter, 'Uid')) && /^0*3000$/.test(status(meter, 'CapEff')),
    status(meter, 'CapEff'),
  )
  talk()
  await end(meter)
  const log = () => logOf(server, admin)
  await until('its session is in the server’s log', () => log().includes('10.9.0.2'), log)
  const seconds = ((Date.now() - began) / 1e3).toFixed(1)
  console.log(`image, amd64: ${seconds} s from nothing to the first stored session`)
  await end(server)
  server = begin(`${SPACE}-again`, serverImage, ofServer, place)
  await ready(server)
  await until('the volume keeps it over a new container', () => log().includes('10.9.0.2'), log)
  await end(server)
}

async function withoutCapabilities(network: number, image: Bundle): Promise<void> {
  const service = { ...serviceOf(join(COMPOSE, 'wg-easy.yaml'), {}), cap_add: [] }
  const place = { network, work, volumes: { tunmeter: volume('powerless') } }
  const powerless = begin(`${SPACE}-powerless`, image, service, place)
  const said = () => readFileSync(powerless.log, 'utf8')
  await until('a meter without cap_add says what it lacks', () => /CAP_NET_RAW/.test(said()), said)
  remove(powerless.name)
}

/** The meter of each example as it stands, without a server: its sessions are in its output. */
async function examples(network: number, image: Bundle): Promise<void> {
  let present = 'wg0'
  for (const file of readdirSync(COMPOSE).filter((name) => name !== 'server.yaml')) {
    const example = file.replace('.yaml', '')
    const service = serviceOf(join(COMPOSE, file), {})
    const wanted = service.command[service.command.indexOf('--interface') + 1]!
    if (wanted !== present) renameInterface(present, wanted)
    present = wanted
    const place = { network, work, volumes: { tunmeter: volume(example) } }
    const meter = begin(`${SPACE}-${example}`, image, service, place)
    await ready(meter)
    talk()
    await end(meter)
    const said = readFileSync(meter.log, 'utf8')
    check(`${file}: a session is in the meter’s output`, said.includes('10.9.0.2'), said)
  }
}

try {
  if (!process.argv.includes('--built'))
    run(process.execPath, ['--import', 'tsx', join(ROOT, 'scripts/release/oci.ts'), 'amd64'])
  const began = Date.now()
  const meter = unpack(archiveOf('meter', 'amd64'), join(work, 'meter'))
  const server = unpack(archiveOf('server', 'amd64'), join(work, 'server'))
  const network = otherService()
  await scenario(network, meter, server, began)
  inspect('meter', 'amd64', meter)
  inspect('server', 'amd64', server)
  await withoutCapabilities(network, meter)
  await examples(network, meter)
  if (existsSync(archiveOf('meter', 'arm64'))) await foreign(network, inspect)
  console.log(`image-e2e: ${passedChecks()} passed, 0 failed`)
} finally {
  tidy()
}
