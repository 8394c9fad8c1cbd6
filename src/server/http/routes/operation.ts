/** Routes for the server's operators: health, metrics, backup. */
import { join } from 'node:path'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { Backups } from '../../store/backup.js'
import type { ServerContext } from '../context.js'
import { destinationMetrics } from '../destination-metrics.js'
import { HttpError } from '../http.js'
import { type Route, route } from '../route.js'
import { SiteMetrics } from '../site-metrics.js'

export function operationRoutes(context: ServerContext): Route[] {
  const { store, metrics, auth, watched } = context
  const sites = new SiteMetrics(context)
  return [
    route({
      method: 'GET',
      path: '/healthz',
      tag: 'operation',
      summary: 'Whether the process runs',
      scopes: null,
      answer: z.object({ status: z.literal('ok') }),
      handle: async () => ({ status: 'ok' }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      tag: 'operation',
      summary: 'Whether the store answers',
      statuses: { 503: 'The store does not answer.' },
      scopes: null,
      answer: z.object({ status: z.literal('ok') }),
      handle: async () => {
        await store.ping().catch(() => {
          throw new HttpError(503, 'notReady', 'the store does not answer')
        })
        return { status: 'ok' }
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      tag: 'operation',
      summary: 'Prometheus metrics',
      description:
        'Programs on the same machine that use a loopback address or `localhost` need no key; others, and requests through a proxy, need a key with any scope. Metrics about organisations (`tunmeter_site_…`, `tunmeter_destination_…`, `tunmeter_client_…`, `tunmeter_resource_…`) are only for programs on the same machine and for root keys.',
      scopes: null,
      answer: null,
      produces: ['text/plain; version=0.0.4'],
      handle: async ({ request, reply }) => {
        const scopes = ['admin', 'read', 'ingest'] as const
        const isOperator =
          isFromHere(request) || (await auth.allow(request, { scopes })).scope === 'root'
        const own = await metrics.registry.metrics()
        const all = async () =>
          `${own}${await sites.text()}${destinationMetrics(context)}${await watched.text()}`
        const text = isOperator ? await all() : own
        await reply.type(metrics.registry.contentType).send(text)
        return undefined
      },
    }),
    backupRoute(context),
  ]
}

function backupRoute({ store, control, security, dataDirectory, clockMs }: ServerContext): Route {
  const backups = new Backups({ store, control }, join(dataDirectory, 'backups'), clockMs)
  return route({
    method: 'POST',
    path: '/api/v1/backup',
    tag: 'operation',
    summary: 'Write a consistent copy of sessions.duckdb and control.mdb below DATA/backups',
    scopes: [],
    statuses: {
      501: 'The store is in other databases, which are backed up by their own programs.',
    },
    answer: z.object({ directory: z.string() }),
    handle: async ({ key, request }) => {
      const directory = await backups.next()
      await security.done('backupMade', request.ip, key, { output: directory })
      return { directory }
    },
  })
}

/** Headers of proxies. With one of them, the client is on another machine, even if an unconfigured proxy is on this one. */
const PROXY_HEADER =
  /^(forwarded|via|x-forwarded.*|x-original-.*|x-real-ip|x-client-ip|true-client-ip|.*-connecting-ip)$/

/**
 * Many proxies add no such header, but keep the name that the client asked for, or ask with HTTP/1.0 (nginx by default).
 * A proxy that does neither cannot be told from a program of this machine.
 */
function isFromHere({ socket, headers, raw }: FastifyRequest): boolean {
  const isProxied = raw.httpVersion === '1.0' || Object.keys(headers).some(isProxyHeader)
  return isLoopback(socket.remoteAddress ?? '') && isLocalHost(headers.host ?? '') && !isProxied
}

const isProxyHeader = (name: string) => PROXY_HEADER.test(name)

function isLocalHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '')
  return name === 'localhost' || isLoopback(name.replace(/^\[(.*)\]$/, '$1'))
}

export function isLoopback(address: string): boolean {
  return /^(::ffff:)?127(\.\d+){3}$/.test(address) || address === '::1'
}
