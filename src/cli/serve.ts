/** `tunmeter serve`: wires the server half and runs it. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, createServer, isIP } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  badOptions,
  choice,
  duration,
  envName,
  integer,
  type OptionValues,
  parsedList,
  secretText,
  size,
  text,
  textList,
  textOr,
  toggle,
} from '../base/config.js'
import { AppError, EXIT, messageOf } from '../base/errors.js'
import { hostPortText, parseHostPort } from '../base/host-port.js'
import { createLogger, LOG_LEVELS } from '../base/log.js'
import { ownerOnly } from '../base/owner-only.js'
import { closeDirectory } from '../base/private-files.js'
import { createNotifier } from '../base/sd-notify.js'
import { packageVersion } from '../base/version.js'
import { endOnSignals } from '../meter/run/ending.js'
import { Alerts } from '../server/alerts/alerts.js'
import { TrustedClock } from '../server/control/trusted-clock.js'
import { createApp } from '../server/http/app.js'
import { Auth } from '../server/http/auth.js'
import { parseBasePath } from '../server/http/base-path.js'
import { Maintenance } from '../server/http/maintenance.js'
import { ServerMetrics } from '../server/http/metrics.js'
import { isLoopback } from '../server/http/routes/operation.js'
import { SecurityLog } from '../server/http/security-log.js'
import { judgeSites } from '../server/http/site-completeness.js'
import { parseChosen, WatchedMetrics } from '../server/http/watched-metrics.js'
import { LOG_BYTES_MAX, LOG_KEEP_MS } from '../server/store/config.js'
import { AddressFile } from './address-file.js'
import { defineCommand } from './command.js'
import { guardOf, openOwn, openSeveral } from './serve-stores.js'
import { readTls, useTls } from './serve-tls.js'
import { hasPassword, SHARED_OPTIONS, sharedAddresses } from './shared-options.js'

/** On a stop, running requests have this long to finish; then their connections are closed. */
const CLOSE_GRACE_MS = 5_000

const MiB = 2 ** 20
const MINUTE_MS = 60e3
const DAY_MS = 86400e3

export const SERVE_OPTIONS = {
  data: textOr(
    'Directory of the database, the keys and the settings. With --store, only of server.json.',
    'DIR',
    './data',
  ),
  listen: {
    ...textOr('Address to listen on; port 0: any free one.', 'HOST:PORT', '127.0.0.1:8480'),
    parse: hostPortText,
  },
  ...SHARED_OPTIONS,
  storeMemory: size('Memory that the database may use.', 512 * MiB, {
    min: 64 * MiB,
    max: 2 ** 44,
  }),
  storeThreads: integer('Threads that the database may use.', 'N', 2, { min: 1, max: 256 }),
  logSize: size(
    'Size of the log of received batches. When it is full, meters must wait.',
    LOG_BYTES_MAX,
    {
      min: 64 * MiB,
      max: 2 ** 44,
    },
  ),
  logKeep: duration('Keep batches in the log this long after the database has them.', LOG_KEEP_MS, {
    min: 0,
    max: 365 * DAY_MS,
  }),
  silenceAfter: duration(
    'A meter without a report for this long is silent, and its open sessions are interrupted.',
    10 * MINUTE_MS,
    { min: MINUTE_MS, max: 365 * DAY_MS },
  ),
  usageRetention: duration('Keep monthly totals this long.', 400 * DAY_MS, {
    min: 31 * DAY_MS,
    max: 36500 * DAY_MS,
  }),
  auditRetention: duration(
    'Keep the audit trail this long, and at least as long as the sessions.',
    400 * DAY_MS,
    { min: 31 * DAY_MS, max: 36500 * DAY_MS },
  ),
  tlsCert: text('Certificate chain (PEM) for HTTPS.', 'FILE'),
  tlsKey: text('Its private key (PEM).', 'FILE'),
  trustProxy: textList(
    'Take client address, host and https from X-Forwarded-For, -Host and -Proto of this proxy. Repeatable.',
    'ADDRESS',
  ),
  basePath: textOr(
    'Path of this server behind a proxy that shares its host with others, as in /logs/. The proxy may keep or remove it.',
    'PATH',
    '/',
  ),
  smtpUrl: secretText(
    'SMTP server for the e-mail of alerts, as in smtps://user:password@mail.example.org.',
    'URL',
  ),
  mailFrom: textOr('Sender of the e-mail of alerts.', 'ADDRESS', ''),
  allowPlainDestinations: toggle('Allow destinations without encryption (http://).'),
  allowPrivateDestinations: toggle(
    'Allow destinations with a private, link-local or local address.',
  ),
  trustClock: toggle(
    'Trust the clock of this machine at this start, although it is days away from the time that the server last knew. Without this, retention waits for a meter that confirms the clock.',
  ),
  metricsClients: parsedList(
    'Serve metrics of these clients of an organisation too, by name or id; * stands for any text, as in acme/backup*. Repeatable.',
    'ORG/NAME',
    parseChosen,
  ),
  metricsResources: parsedList('The same for these resources.', 'ORG/NAME', parseChosen),
  logLevel: choice(
    'Log level; the log is JSON lines on standard error.',
    'LEVEL',
    LOG_LEVELS,
    'info',
  ),
}
type Options = OptionValues<typeof SERVE_OPTIONS>

/** @throws AppError BAD_OPTIONS */
function readBasePath(text: string): string {
  const path = parseBasePath(text)
  if (path !== undefined) return path
  throw badOptions([
    `--base-path: ${JSON.stringify(text)}: expected a path as in /logs/ that does not begin as one of the server's own, such as /api or /docs`,
  ])
}

/** Refuses names, because whoever controls a name's DNS could choose the client's address. @throws AppError BAD_OPTIONS */
function checkProxies(proxies: readonly string[]): void {
  const faults = proxies
    .flatMap((proxy) => proxy.split(','))
    .filter((proxy) => {
      const [address = '', length] = proxy.trim().split('/')
      const bits = isIP(address) === 4 ? 32 : 128
      return (
        isIP(address) === 0 ||
        (length !== undefined && !(/^\d{1,3}$/.test(length) && Number(length) <= bits))
      )
    })
  if (faults.length > 0)
    throw badOptions(
      faults.map(
        (fault) =>
          `--trust-proxy: ${JSON.stringify(fault)}: expected an address or prefix, as in 10.0.0.2 or 10.0.0.0/8`,
      ),
    )
}

/** @throws AppError LISTEN_FAILED */
async function tryListen(host: string, port: number, listen: string): Promise<void> {
  const server = createServer().listen({ host, port })
  try {
    await once(server, 'listening')
  } catch (error) {
    throw listenError(error, listen)
  }
  server.close()
  await once(server, 'close')
}

export interface RunningServer {
  readonly url: string
  /** Reads the certificate again. API keys need no reload, because each request looks them up. */
  reload(): void
  stop(): Promise<void>
}

/** Starts everything; tests use it, too. */
export async function startServer(options: Options): Promise<RunningServer> {
  const log = createLogger(options.logLevel)
  const { host, port } = parseHostPort(options.listen)
  const tls = readTls(options)
  checkProxies(options.trustProxy)
  const shared = sharedAddresses(options)
  const basePath = readBasePath(options.basePath)
  const mailer =
    options.smtpUrl === undefined
      ? null
      : new (await import('../server/alerts/mail.js')).Mailer({
          ...{ url: options.smtpUrl, from: options.mailFrom },
        })
  // Before anything is created, because a server that cannot listen must leave no directory behind.
  await tryListen(host, port, options.listen)
  closeDirectory(options.data)
  const clockMs = () => Date.now()
  const needsKey = !isLoopback(host) && host !== 'localhost'
  const stores =
    shared === undefined
      ? await openOwn(options, { log, clockMs, needsKey })
      : await openSeveral(shared, options, { log, clockMs, needsKey })
  const { control, store, destinations, secrets, lease, alertLease } = stores
  const security = new SecurityLog(log, control, clockMs)
  const metrics = new ServerMetrics(() => store.stats())
  const watched = new WatchedMetrics(options.metricsClients, options.metricsResources, {
    store,
    control,
  })
  await watched.refresh()
  const usageDays = options.usageRetention / DAY_MS
  const trustedClock = new TrustedClock({
    wallMs: clockMs,
    monotonicMs: () => performance.now(),
    lastMs: options.trustClock ? undefined : await control.believedMs(),
  })
  const clock = trustedClock
  const auditDays = options.auditRetention / DAY_MS
  const silenceMs = options.silenceAfter
  const alerts = new Alerts({
    ...{ store, control, log, clockMs, mailer, secrets, lease: alertLease },
    guard: guardOf(options),
    judge: async (orgId, range, siteIds, signal) => {
      const parts = { store, control, clockMs, silenceMs }
      const { sites, named } = await judgeSites(parts, orgId, range, siteIds, { signal })
      return { sites, names: named.names }
    },
  })
  const maintenance = new Maintenance({
    ...{ store, control, metrics, log, usageDays, auditDays, clock, lease },
    expiring: (orgId, beforeUs) => destinations.expiring(orgId, beforeUs),
  })
  const servers: Server[] = []
  const app = await createApp(
    {
      store,
      control,
      destinations,
      alerts,
      auth: new Auth(control, security, clockMs, basePath),
      metrics,
      watched,
      log,
      security,
      clockMs,
      trustedClock,
      silenceMs,
      version: packageVersion(),
      dataDirectory: options.data,
      retentionChanged: (orgId) => void maintenance.soon(orgId),
      orgRemoved: () => void maintenance.removeOrgs(),
    },
    {
      dashboardDirectory: fileURLToPath(new URL('../dashboard', import.meta.url)),
      basePath,
      onServer: (server) => servers.push(server),
      ...(tls !== undefined && { tls }),
      ...(options.trustProxy.length > 0 && { trustProxy: options.trustProxy }),
    },
  )
  // For programs that start the server with port 0, and for commands that talk to it.
  const address = new AddressFile(join(options.data, 'server.json'), log)
  const close = async () => {
    address.remove()
    // Browsers keep connections open that have sent no request yet, and nothing else would close them for a minute.
    const cut = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS)
    await app.close()
    clearTimeout(cut)
    await alerts.stop()
    await destinations.stop()
    await maintenance.stop()
    await stores.close()
  }
  try {
    await app.listen({ host, port }).catch((error: unknown) => {
      throw listenError(error, options.listen)
    })
    const url = urlOf(host, (app.server.address() as AddressInfo).port, tls !== undefined)
    address.write(url, tls?.fingerprint)
    await destinations.start()
    maintenance.start()
    alerts.start()
    log.info({ url, data: options.data, version: packageVersion() }, 'listening')
    if (tls !== undefined && Date.parse(tls.validUntil) < Date.now())
      log.warn(
        { validUntil: tls.validUntil },
        'the certificate has expired: meters and browsers refuse it',
      )
    const { restoredFrom = null } = store
    if (restoredFrom !== null) log.warn({ restoredFrom }, 'the data are a restored backup')
    security.started({ version: packageVersion(), ...(restoredFrom !== null && { restoredFrom }) })
    const reload = () => {
      if (tls === undefined) return log.info('SIGHUP: there is no certificate to reload')
      try {
        const renewed = readTls(options)!
        useTls(servers, renewed)
        address.write(url, renewed.fingerprint)
        log.info({ validUntil: renewed.validUntil }, 'certificate reloaded')
      } catch (error) {
        log.error({ err: messageOf(error) }, 'keeping the previous certificate')
      }
    }
    return { url, reload, stop: close }
  } catch (error) {
    // Whatever the failure, half a server must not go on.
    await close()
    throw error
  }
}

function urlOf(host: string, port: number, tls: boolean): string {
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function listenError(error: unknown, listen: string): AppError {
  const code = (error as NodeJS.ErrnoException).code
  const hint =
    code === 'EADDRINUSE'
      ? 'Another program uses this port; choose another with --listen.'
      : code === 'EACCES'
        ? 'Ports below 1024 need a privilege; choose a higher one.'
        : 'Check --listen.'
  return new AppError('LISTEN_FAILED', `cannot listen on ${listen}: ${messageOf(error)}`, {
    hint,
    cause: error,
  })
}

/** Options of a server's own data directory. */
const OWN_ONLY = [
  ...(['storeMemory', 'storeThreads', 'logSize', 'logKeep'] as const),
  ...(['metricsClients', 'metricsResources'] as const),
]

/** @throws AppError BAD_OPTIONS */
function refuseWithStore(origin: (name: keyof typeof SERVE_OPTIONS) => string | undefined): void {
  const faults = OWN_ONLY.flatMap((name) => origin(name) ?? [])
  if (faults.length > 0)
    throw badOptions(
      faults.map((place) => `${place}: it does nothing with --store, so leave it out`),
    )
}

export const serveCommand = defineCommand({
  name: 'serve',
  summary: 'Run the server: store sessions of meters, answer queries, serve the dashboard.',
  options: SERVE_OPTIONS,
  details: `Create the first key on the same machine, before or while the server runs:
  tunmeter keys create --data ./data --scope admin --org acme --create-org --name me
Retention is 0 by default: the server stores nothing until an organisation's settings say how long.
Several servers, behind a load balancer, with ClickHouse and PostgreSQL (docs/clickhouse.md):
  tunmeter serve --store clickhouse://tunmeter@db1:8123/tunmeter --store-password-file FILE \\
    --control postgresql://tunmeter@db2/tunmeter --control-password-file FILE
SIGTERM and SIGINT end the server after the running requests. SIGHUP reloads --tls-cert and --tls-key. See docs/api.md.`,
  run: async (_args, options, { stderr, env }, origin) => {
    ownerOnly()
    if (options.store !== undefined) refuseWithStore(origin)
    for (const name of ['store', 'control'] as const)
      if (origin(name) === `--${name}` && hasPassword(options[name]))
        stderr.write(
          `--${name}: other users of this machine see the password; use --${name}-password-file, or ${envName(name)}\n`,
        )
    // Before the start, so that a signal meanwhile lets the start complete and then stops the server in order.
    const stopped = new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
    })
    let server: RunningServer | undefined
    const notifier = createNotifier(env)
    const reload = () => {
      if (server === undefined) return
      notifier.reloading()
      server.reload()
      notifier.ready()
    }
    // On a terminal, SIGHUP means that the terminal is gone; its default ends the server.
    if (process.stderr.isTTY !== true) process.on('SIGHUP', reload)
    server = await startServer(options)
    notifier.ready()
    notifier.status(`listening on ${server.url}`)
    await stopped
    notifier.stopping()
    // A second signal ends the process at once. Acknowledged batches are durable.
    endOnSignals()
    await server.stop()
    notifier.close()
    return EXIT.ok
  },
})
