/** Serves the built dashboard. All pages are one document. Assets have a hash in their name and never change. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { textSender } from './pack.js'

/** Paths that the document routes itself. */
export const PAGES: readonly string[] = [
  ...[
    '/',
    '/logs',
    '/overview',
    '/connected',
    '/usage',
    '/sites',
    '/alerts',
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
  basePath: string,
): Promise<((request: FastifyRequest, reply: FastifyReply) => FastifyReply) | null> {
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
    globIgnore: ['**/*.br', '**/*.gz', 'index.html'],
    setHeaders: (response, path) => {
      const hashed = path.includes('/assets/')
      response.setHeader(
        'cache-control',
        hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      )
      response.setHeader('vary', 'accept-encoding')
    },
  })
  const file = join(directory, 'index.html')
  const send = textSender('text/html; charset=utf-8', () =>
    documentAt(basePath, readFileSync(file, 'utf8')),
  )
  for (const page of PAGES)
    app.get(page, (request, reply) => send(request, reply.header('cache-control', 'no-cache')))
  return (request, reply) => send(request, reply.code(404))
}

/** The built document names its files relatively (vite.config.ts), which would be wrong for /client/7. */
function documentAt(basePath: string, built: string): string {
  return built
    .replaceAll('="./', `="${basePath}`)
    .replace('<html ', `<html data-base="${basePath.slice(0, -1)}" `)
}
