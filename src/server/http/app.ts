/**
 * The HTTP application: routes, envelope, security headers, limits. It opens no port and no store; `tunmeter serve`
 * does that.
 */
import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import cookie from '@fastify/cookie'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { withoutBase } from './base-path.js'
import { ANONYMOUS_BODY_BYTES_MAX, acceptJson } from './body.js'
import { Connections, connectionsMax } from './connections.js'
import type { ServerContext } from './context.js'
import { serveDashboard } from './dashboard.js'
import { DOCS_CSS, docsPage } from './docs-page.js'
import { failure, HttpError, httpErrorOf } from './http.js'
import { refuseOtherMethods } from './methods.js'
import { openApi } from './openapi.js'
import { packAnswers, serveText } from './pack.js'
import { type Route, register } from './route.js'
import { alertRoutes } from './routes/alerts.js'
import { auditRoutes } from './routes/audit.js'
import { catalogRoutes } from './routes/catalog.js'
import { changesRoutes } from './routes/changes.js'
import { completenessRoutes } from './routes/completeness.js'
import { destinationRoutes } from './routes/destinations.js'
import { histogramRoutes } from './routes/histogram.js'
import { ingestRoutes } from './routes/ingest.js'
import { keyRoutes } from './routes/keys.js'
import { logRoutes } from './routes/logs.js'
import { operationRoutes } from './routes/operation.js'
import { orgRoutes, settingsRoutes } from './routes/orgs.js'
import { pangolinRoutes } from './routes/pangolin.js'
import { peerRoutes } from './routes/peers.js'
import { removalRoutes } from './routes/removal.js'
import { signInRoutes } from './routes/sign-in.js'
import { siteRoutes } from './routes/sites.js'
import { subjectRoutes } from './routes/subject.js'
import { viewRoutes } from './routes/views.js'

export interface AppOptions {
  /** PEM texts. If given, the server speaks HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** The client's address is taken from the X-Forwarded-For header of these proxies. */
  readonly trustProxy?: readonly string[]
  /** Called for each listening server. There may be two, because `localhost` has two addresses. */
  readonly onServer?: (server: Server) => void
  /** The path that a proxy gives this server, with its first and last slash (base-path.ts). Default: /. */
  readonly basePath?: string
  /** The built dashboard. Null: none is served. */
  readonly dashboardDirectory: string | null
}

const HEADERS_BYTES_MAX = 16 * 1024
const URL_BYTES_MAX = 8 * 1024
const REQUEST_MS_MAX = 120_000
const KEEP_ALIVE_MS = 75_000

/** Forbids inline scripts, and content from other origins. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "object-src 'none'",
].join('; ')

const SECURITY_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
}

export function allRoutes(context: ServerContext): Route[] {
  return [
    ...logRoutes(context),
    ...histogramRoutes(context),
    ...changesRoutes(context),
    ...peerRoutes(context),
    ...ingestRoutes(context),
    ...signInRoutes(context),
    ...orgRoutes(context),
    ...settingsRoutes(context),
    ...catalogRoutes(context),
    ...keyRoutes(context),
    ...siteRoutes(context),
    ...completenessRoutes(context),
    ...removalRoutes(context),
    ...auditRoutes(context),
    ...subjectRoutes(context),
    ...destinationRoutes(context),
    ...viewRoutes(context),
    ...alertRoutes(context),
    ...operationRoutes(context),
    ...pangolinRoutes(context),
  ]
}

export async function createApp(
  context: ServerContext,
  options: AppOptions,
): Promise<FastifyInstance> {
  const { basePath = '/' } = options
  const app = fastify({
    rewriteUrl: ({ url }) => withoutBase(url!, basePath),
    logger: false,
    bodyLimit: ANONYMOUS_BODY_BYTES_MAX,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    ...(options.trustProxy !== undefined && { trustProxy: [...options.trustProxy] }),
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: refuseBroken,
    // Invalid paths are refused before any hook runs, so the security headers must be set here.
    frameworkErrors: (error, _request, reply) =>
      refuse(httpErrorOf(error), (reply as unknown as FastifyReply).headers(SECURITY_HEADERS)),
    serverFactory: (handle) => boundedServer(context, options, handle),
  })
  await app.register(cookie)
  acceptJson(app)
  addHeaders(app)
  addErrors(app, context)
  refuseOtherMethods(app)
  packAnswers(app)
  const routes = allRoutes(context)
  register(app, context.auth, routes)
  const { version } = context
  serveText(app, '/openapi.json', 'application/json; charset=utf-8', () =>
    JSON.stringify(openApi(routes, version, basePath)),
  )
  serveText(app, '/docs', 'text/html; charset=utf-8', () => docsPage(routes, version))
  serveText(app, '/docs.css', 'text/css; charset=utf-8', () => DOCS_CSS)
  refuseUnknown(app, await serveDashboard(app, options.dashboardDirectory, basePath))
  return app
}

function boundedServer(
  { metrics }: ServerContext,
  { tls, onServer }: AppOptions,
  handle: RequestListener,
): Server {
  const connections = new Connections(connectionsMax(), (reason) =>
    metrics.closedConnections.inc({ reason }),
  )
  const settings = {
    maxHeaderSize: HEADERS_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
  }
  const listener = connections.oneAtATime(handle)
  const server =
    tls === undefined
      ? createServer(settings, listener)
      : createTlsServer({ ...tls, ...settings, minVersion: 'TLSv1.2' }, listener)
  connections.watch(server)
  onServer?.(server)
  return server
}

const NOT_HTTP = [400, 'badRequest', 'the request is not valid HTTP'] as const
const BROKEN: Readonly<Record<string, readonly [status: number, code: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    'headersTooLarge',
    `the headers are larger than ${HEADERS_BYTES_MAX} bytes`,
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'timeout', 'the request did not come in time'],
}

/** Invalid HTTP, oversized headers and slow requests never reach a route, so the answer goes directly to the socket. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Socket): void {
  // The client is gone, or an answer was already sent.
  if (error.code === 'ECONNRESET' || !socket.writable) return
  const [status, code, message] = BROKEN[error.code ?? ''] ?? NOT_HTTP
  const body = JSON.stringify(failure(status, code, message))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function addHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS)
    // The server's own TLS, or that of a trusted proxy.
    if (request.protocol === 'https') reply.header('strict-transport-security', 'max-age=31536000')
    if (isApi(request.url)) reply.header('cache-control', 'no-store')
    if (request.url.length > URL_BYTES_MAX)
      throw new HttpError(414, 'urlTooLong', `the URL is longer than ${URL_BYTES_MAX} bytes`)
  })
}

/** True for the API, false for the dashboard's pages. */
function isApi(url: string): boolean {
  return url.startsWith('/api/') || url.startsWith('/v1/')
}

function addErrors(app: FastifyInstance, { log, metrics }: ServerContext): void {
  app.addHook('onResponse', async (request, reply) => {
    const labels = {
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
    }
    metrics.requestSeconds.observe(labels as never, reply.elapsedTime / 1e3)
  })
  app.setErrorHandler((error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const known = httpErrorOf(error)
    if ([401, 403, 429].includes(known.status)) metrics.authFailures.inc({ reason: known.code })
    if (known.status >= 500) {
      const where = {
        method: request.method,
        route: request.routeOptions.url,
        status: known.status,
      }
      // A busy store loses nothing, so 503 is only a warning.
      if (known.status === 503)
        log.warn({ ...where, problem: known.message }, 'request refused for now')
      else log.error({ ...where, err: error }, 'request failed')
    }
    return refuse(known, reply)
  })
}

/** Programs get a JSON error. Browsers get the dashboard, because it shows its own page for unknown links. */
function refuseUnknown(
  app: FastifyInstance,
  showPage: Awaited<ReturnType<typeof serveDashboard>>,
): void {
  app.setNotFoundHandler((request, reply) => {
    const { method, url, headers } = request
    const forReading = method === 'GET' && /\btext\/html\b/.test(headers.accept ?? '')
    if (forReading && showPage !== null && !isApi(url)) return showPage(request, reply)
    const message = `there is no ${method} ${url.split('?')[0]!.slice(0, 200)}`
    return reply.code(404).send(failure(404, 'notFound', message))
  })
}

function refuse(
  { status, code, message, headers, data }: HttpError,
  reply: FastifyReply,
): FastifyReply {
  return reply
    .headers(headers)
    .code(status)
    .send(failure(status, code, message, data))
}
