/**
 * `--base-path /logs/`: a proxy gives this server a path of a host that it shares with others. The server answers below
 * the path and without it, so a proxy may keep the path or remove it, and meters and commands that reach the server
 * directly need no path.
 */

/** The first parts of the server's own paths. A base path must not begin with one, because both would be ambiguous. */
export const OWN_PARTS: readonly string[] = [
  ...['api', 'v1', 'docs', 'docs.css', 'openapi.json', 'healthz', 'readyz', 'metrics'],
  ...['assets', 'theme.js', 'favicon.svg'],
  ...['overview', 'connected', 'usage', 'sites', 'alerts', 'destinations', 'audit', 'settings'],
  ...['client', 'user', 'resource', 'site', 'destination', 'signin'],
]

const BYTES_MAX = 200
const BASE_PATH = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*\/$/

/** @returns the path with its last slash; undefined: it is no base path */
export function parseBasePath(text: string): string | undefined {
  const path = text.endsWith('/') ? text : `${text}/`
  const isOwn = OWN_PARTS.includes(path.split('/')[1]!)
  return BASE_PATH.test(path) && path.length <= BYTES_MAX && !isOwn ? path : undefined
}

/** The URL of a request without the base path, if it begins with it. */
export function withoutBase(url: string, basePath: string): string {
  return url.startsWith(basePath) ? url.slice(basePath.length - 1) : url
}

export interface CookieNames {
  readonly secure: string
  readonly plain: string
}

/**
 * Browsers accept `__Host-` cookies only over HTTPS, for this host and for all of its paths, so no other host of the
 * domain can set them. A cookie for one path can have `__Secure-` only.
 */
export function cookieNames(basePath: string): CookieNames {
  return { secure: basePath === '/' ? '__Host-tunmeter' : '__Secure-tunmeter', plain: 'tunmeter' }
}
