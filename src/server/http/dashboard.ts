/** The dashboard's built files. Its pages are one document; assets carry a hash in their name and never change. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'

/** Addresses that the page itself draws. */
const PAGES = [
  ...['/', '/logs', '/overview', '/usage', '/sites', '/audit', '/settings', '/signin'],
  ...['/client/*', '/user/*', '/resource/*', '/site/*', '/destination/*'],
]

const MISSING =
  'tunmeter: the dashboard is not built. The API works; its description is at /docs.\n'

/** @returns answers somebody who reads with the page's own "no such page"; null: there is no page */
export async function serveDashboard(
  app: FastifyInstance,
  directory: string | null,
): Promise<((reply: FastifyReply) => FastifyReply) | null> {
  if (directory === null || !existsSync(join(directory, 'index.html'))) {
    app.get('/', (_request, reply) => reply.type('text/plain; charset=utf-8').send(MISSING))
    return null
  }
  await app.register(fastifyStatic, {
    root: directory,
    serve: true,
    index: false,
    wildcard: false,
    cacheControl: false,
    // Beside each file lie its packed forms (vite.config.ts), which have no addresses of their own.
    preCompressed: true,
    globIgnore: ['**/*.br', '**/*.gz'],
    setHeaders: (response, path) => {
      const hashed = path.includes('/assets/')
      response.setHeader(
        'cache-control',
        hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      )
      response.setHeader('vary', 'accept-encoding')
    },
  })
  for (const page of PAGES) app.get(page, (_request, reply) => reply.sendFile('index.html'))
  return (reply) => reply.code(404).sendFile('index.html')
}
