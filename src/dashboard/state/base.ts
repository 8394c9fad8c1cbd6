/** The address of the server, which may be a path of a host that a proxy shares among programs (`serve --base-path`). */

/** '' or, for example, '/logs': it precedes each path of a page and of the API. The server writes it into the document. */
export const BASE = globalThis.document?.documentElement.dataset.base ?? ''

/** The server's address for commands: scheme, host and base path. */
export const SERVER_URL = `${globalThis.location?.origin ?? ''}${BASE}`

/** The page's path without the base path. Without a proxy, the server answers without it, too. */
export function pathBelowBase(path: string): string {
  return path.startsWith(`${BASE}/`) ? path.slice(BASE.length) : path
}
