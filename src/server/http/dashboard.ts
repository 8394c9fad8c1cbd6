/** The dashboard's built files. Its pages are one document; assets carry a hash in their name and never change. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'

/** Addresses that the page itself draws. */
const PAGES = ['/', '/logs', '/overview', '/usage', '/sites', '/settings', '/signin'] as const

const MISSING =
  'tunmeter: the dashboard is not built. The API works; its description is at /docs.\n'

export async function serveDashboard(
  app: FastifyInstance,
  directory: string | null,
): Promise<void> {
  if (directory === null || !existsSync(join(directory, 'index.html'))) {
    app.get('/', (_request, reply) => reply.type('text/plain; charset=utf-8').send(MISSING))
    return
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
}
