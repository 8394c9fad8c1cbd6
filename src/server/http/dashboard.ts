/** Serves the built dashboard. All pages are one document. Assets have a hash in their name and never change. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'

/** Paths that the document routes itself. */
const PAGES = [
  ...[
    '/',
    '/logs',
    '/overview',
    '/connected',
    '/usage',
    '/sites',
    '/destinations',
    '/audit',
    '/settings',
    '/signin',
  ],
  ...['/client/*', '/user/*', '/resource/*', '/site/*', '/destination/*'],
]

const MISSING =
  'tunmeter: the dashboard is not built. The API works; its description is at /docs.\n'

/** @returns a function that answers 404 with the dashboard's own "no such page"; null: the dashboard is not built */
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
    // Each file has compressed copies beside it (vite.config.ts), which have no paths of their own.
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
