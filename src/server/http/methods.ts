/** Answers 405 with Allow if a path exists under other methods only. No key is needed, and no body is read. */
import type { FastifyInstance } from 'fastify'
import { HttpError } from './http.js'

/** Call before the routes are added. */
export function refuseOtherMethods(app: FastifyInstance): void {
  const fixed = new Map<string, Set<string>>()
  const withParameters: { readonly pattern: RegExp; readonly methods: Set<string> }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    const known = fixed.get(url)
    const methods = known ?? new Set<string>()
    for (const one of [method].flat()) methods.add(one)
    if (known !== undefined) return
    fixed.set(url, methods)
    if (url.includes(':')) withParameters.push({ pattern: patternOf(url), methods })
  })
  // No route has this method and path; the path may have others.
  app.addHook('onRequest', async (request) => {
    if (!request.is404) return
    const path = request.url.split('?', 1)[0]!
    const methods = fixed.get(path) ?? withParameters.find((one) => one.pattern.test(path))?.methods
    if (methods === undefined) return
    const allow = [...methods].sort().join(', ')
    const message = `${path.slice(0, 200)} takes ${allow}, not ${request.method}`
    throw new HttpError(405, 'methodNotAllowed', message, { allow })
  })
}

function patternOf(url: string): RegExp {
  const text = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+')
  return new RegExp(`^${text}$`)
}
