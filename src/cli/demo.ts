/**
 * `tunmeter demo` (`npm start` runs it): both halves on this machine. It starts a server on a free port, replays the
 * capture of a real tunnel into it over HTTP with the clock moved to now, prints the sessions, and stays up.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type OptionValues, text, textOr, toggle } from '../base/config.js'
import type { CommandContext } from '../base/context.js'
import { AppError, EXIT, networkFault } from '../base/errors.js'
import { hostPortText } from '../base/host-port.js'
import { ownerOnly } from '../base/owner-only.js'
import { terminalWidth } from '../base/terminal.js'
import { loadCatalog } from '../meter/attribution/catalog-file.js'
import { painter } from '../meter/output/human.js'
import { sessionTable } from '../meter/output/table.js'
import { temporaryDirectory } from '../meter/run/ending.js'
import { LmdbControl } from '../server/control/lmdb/lmdb-control.js'
import { defineCommand } from './command.js'
import { type ChildServer, runCli, startServerProcess } from './demo-processes.js'
import { type LogRow, shownOf } from './log-row.js'

const ORG = 'demo'
const SITE = 1
const RETENTION_DAYS = 30
const ROWS_SHOWN = 24
const INDENT = '  '
const TITLE = 'tunmeter — who reached which private resource, when, and how much went each way'

const OPTIONS = {
  data: text('Keep the data in this directory. Default: a temporary one', 'DIR'),
  listen: {
    ...textOr('Address of the server; port 0: a free one', 'HOST:PORT', '127.0.0.1:0'),
    parse: hostPortText,
  },
  once: toggle('End after the table instead of staying up'),
} as const

type Options = OptionValues<typeof OPTIONS>

export const command = defineCommand({
  name: 'demo',
  summary: 'Show a server, a replayed tunnel with its sessions, and the dashboard.',
  details: `By default nothing leaves this machine: the server listens on loopback. The capture is in fixtures/demo.`,
  options: OPTIONS,
  async run(_args, options, context) {
    ownerOnly()
    const temporary = options.data === undefined ? temporaryDirectory('tunmeter-demo-') : null
    const data = options.data ?? temporary!.path
    const interrupted = untilInterrupted(context)
    // Before the server starts, which takes a moment.
    context.stdout.write(`\n  ${painter(context.stdout, context.env)('bold', TITLE)}\n\n`)
    let server: ChildServer | null = null
    try {
      const keys = await makeKeys(data)
      server = await startServerProcess(data, options.listen)
      await show(server, keys, options, context)
      if (options.once) return EXIT.ok
      const ended = await Promise.race([interrupted, server.ended])
      if (ended === 'interrupted') return EXIT.ok
      throw new AppError('DEMO_FAILED', `the server has ended: ${ended}`)
    } finally {
      await server?.stop()
      temporary?.remove()
    }
  },
})

/** Resolves on a signal, or when the reader of the output is gone. */
function untilInterrupted({ stdout }: CommandContext): Promise<'interrupted'> {
  return new Promise((resolve) => {
    stdout.once('error', () => resolve('interrupted'))
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => resolve('interrupted'))
    }
  })
}

interface Keys {
  readonly admin: string
  readonly read: string
  readonly ingest: string
}

/** Does the same as `tunmeter keys create`. */
async function makeKeys(data: string): Promise<Keys> {
  const control = new LmdbControl(data)
  try {
    await control.putOrg(ORG, { retentionDays: RETENTION_DAYS })
    const make = async (scope: 'admin' | 'read' | 'ingest'): Promise<string> => {
      const siteId = scope === 'ingest' ? SITE : null
      const name = `demo ${scope}`
      const made = await control.createKey({ scope, orgId: ORG, siteId, name, expiresAt: null })
      return made.key
    }
    return { admin: await make('admin'), read: await make('read'), ingest: await make('ingest') }
  } finally {
    await control.close()
  }
}

async function show(
  server: ChildServer,
  keys: Keys,
  options: Options,
  context: CommandContext,
): Promise<void> {
  const { stdout, env } = context
  const paint = painter(stdout, env)
  const say = (line = ''): void => void stdout.write(`${line}\n`)
  const step = (what: string): void => say(`  ${paint('green', '✔')} ${what}`)
  const fixture = fixtureDirectory()
  const catalog = join(fixture, 'catalog.yaml')

  step(
    `server on ${paint('cyan', server.url)}, organisation “${ORG}”, ${RETENTION_DAYS} days of retention`,
  )
  await call(server, keys.admin, 'PUT', `/api/v1/org/${ORG}/catalog`, loadCatalog(catalog))
  step('catalog of clients, users and resources stored')
  const replayed = await replay(server, keys, fixture, catalog)
  step(`capture of a real WireGuard tunnel replayed over HTTP, its clock moved to now: ${replayed}`)
  say()

  const log = `/api/v1/org/${ORG}/logs/connection`
  const answer = await call(server, keys.read, 'GET', `${log}?limit=${ROWS_SHOWN}`)
  const { log: rows, pagination } = answer as { log: LogRow[]; pagination: { total: number } }
  const table = sessionTable({ paint, width: terminalWidth(stdout, env) - INDENT.length })
  for (const row of rows) table.row(shownOf(row))
  table.end()
  for (const line of table.take().trimEnd().split('\n')) say(INDENT + line)
  const more = pagination.total - rows.length
  if (more > 0) say(paint('dim', `  … and ${more} more`))
  say()
  if (options.once) return sayEnd(say, options, env)
  sayAddresses(say, paint, server.url + log, server, keys)
  say(
    `  ${paint('bold', 'Your own')}   sudo TUNMETER_KEY=${keys.ingest} ${program(env)} meter --interface wg0 --to ${server.url}`,
  )
  say(paint('dim', '  Ctrl-C ends it.'))
}

const isByNpm = (env: NodeJS.ProcessEnv): boolean => env.npm_lifecycle_event === 'start'
const program = (env: NodeJS.ProcessEnv): string => (isByNpm(env) ? 'node dist/cli.js' : 'tunmeter')

/** The last lines with --once. The server has stopped, so its addresses and keys would be useless. */
function sayEnd(say: (line?: string) => void, { data }: Options, env: NodeJS.ProcessEnv): void {
  const byNpm = isByNpm(env)
  const demo = byNpm ? 'npm start' : 'tunmeter demo'
  say(
    `  The demo has ended, and its data is ${data === undefined ? 'deleted' : `in ${data}`}. To see more:`,
  )
  const line = (command: string, what: string): void => say(`    ${command.padEnd(56)}${what}`)
  line(demo, 'stays up: dashboard, API, curl lines to paste')
  if (data === undefined) line(`${demo}${byNpm ? ' --' : ''} --data DIR`, 'keeps the data, too')
  else line(`${program(env)} serve --data ${data}`, 'its server again')
  line(`sudo ${program(env)} meter --interface wg0 --output -`, 'sessions of your own interface')
}

function sayAddresses(
  say: (line?: string) => void,
  paint: ReturnType<typeof painter>,
  log: string,
  server: ChildServer,
  keys: Keys,
): void {
  const header = `-H 'Authorization: Bearer ${keys.read}'`
  say(`  ${paint('bold', 'Dashboard')}  ${paint('cyan', `${server.url}/`)}`)
  say(`             sign in with this key: ${paint('yellow', keys.admin)}`)
  say(`  ${paint('bold', 'API')}        ${paint('cyan', `${server.url}/docs`)}`)
  say()
  say(`  ${paint('bold', 'Query')}      curl -s ${header} '${log}?limit=3&protocol=tcp'`)
  say(`  ${paint('bold', 'CSV')}        curl -s ${header} '${log}/export?format=csv'`)
}

function fixtureDirectory(): string {
  const root = new URL('../../fixtures/', import.meta.url)
  const found = ['demo', 'wireguard']
    .map((name) => fileURLToPath(new URL(name, root)))
    .find((path) => existsSync(join(path, 'site.pcap')))
  if (found === undefined) {
    throw new AppError('NO_FIXTURES', `there is no capture in ${fileURLToPath(root)}`, {
      hint: 'The package is incomplete: install it again.',
    })
  }
  return found
}

async function replay(
  server: ChildServer,
  keys: Keys,
  fixture: string,
  catalog: string,
): Promise<string> {
  const { code, stderr } = await runCli(
    [
      ...[
        'replay',
        join(fixture, 'site.pcap'),
        '--shift-to-now',
        '--to',
        server.url,
        '--allow-plain-http',
      ],
      ...['--catalog', catalog, '--peers', join(fixture, 'peers.json')],
    ],
    { TUNMETER_KEY: keys.ingest },
  )
  const said = stderr.trim()
  if (code !== 0) throw new AppError('DEMO_FAILED', `the replay failed:\n${said}`)
  return said
}

async function call(
  server: ChildServer,
  key: string,
  method: 'GET' | 'PUT',
  path: string,
  body?: unknown,
): Promise<unknown> {
  const answer = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new AppError('DEMO_FAILED', `cannot reach ${server.url}: ${networkFault(error)}`, {
      hint: 'The demo talks to its own server: is the address of --listen one of this machine, and is its interface up (ip link set lo up)?',
      cause: error,
    })
  })
  const { data, success, message } = (await answer.json()) as {
    data: unknown
    success: boolean
    message: string
  }
  if (!success) throw new AppError('DEMO_FAILED', `${method} ${path}: ${message}`)
  return data
}
