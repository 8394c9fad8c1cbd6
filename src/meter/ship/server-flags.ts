/** Options of delivery for `meter` and `replay --to`. */
import {
  badOptions,
  envName,
  kebabCase,
  type OptionValues,
  secretText,
  text,
  toggle,
} from '../../base/config.js'
import { KEY_FILE, readKey, readSecretFile } from '../../base/key-file.js'
import { checkPair, readAuthorities, readPem } from '../../base/pem-files.js'
import { ALLOW_PLAIN_HTTP_HELP, refusePlainHttp } from '../../base/plain-http.js'
import type { Connection } from './connection.js'

export const SERVER_FLAGS = {
  to: text('Base address of the server, as in https://logs.example.org', 'URL'),
  key: secretText('Key of this site (scope ingest)', 'KEY'),
  keyFile: KEY_FILE,
  caFile: text('Trust this certificate authority (PEM) instead of the system’s', 'FILE'),
  clientCert: text('Show this certificate (PEM) to the server', 'FILE'),
  clientKey: text('Private key (PEM) of --client-cert', 'FILE'),
  allowPlainHttp: toggle(ALLOW_PLAIN_HTTP_HELP),
  proxy: text('Go through this proxy; else HTTPS_PROXY, HTTP_PROXY and NO_PROXY count', 'URL'),
} as const

export type ServerFlags = OptionValues<typeof SERVER_FLAGS>

const SERVER_ONLY = [
  'key',
  'keyFile',
  'caFile',
  'clientCert',
  'clientKey',
  'proxy',
  'spool',
] as const
type ServerOnly = Partial<Record<(typeof SERVER_ONLY)[number], string | undefined>>

/**
 * Refuses options of delivery on a command line without --to, because whoever gives one means to deliver. In the
 * environment they are allowed, because it may be shared by all commands. @throws AppError BAD_OPTIONS
 */
export function refuseIdle(options: ServerOnly, env: NodeJS.ProcessEnv): void {
  const idle = SERVER_ONLY.filter(
    (name) => options[name] !== undefined && options[name] !== env[envName(name)],
  )
  if (idle.length === 0) return
  throw badOptions(
    idle.map((name) => `--${kebabCase(name)} does nothing without --to URL: nothing is delivered`),
  )
}

/** @throws AppError for an invalid address, a missing key, and files that are unreadable or that others can read */
export async function openConnection(flags: ServerFlags): Promise<Connection> {
  const url = serverUrl(flags)
  const { Connection } = await import('./connection.js')
  return Connection.open({
    url,
    key: readKey(flags),
    ca: flags.caFile === undefined ? undefined : readAuthorities('--ca-file', flags.caFile),
    ...clientPair(flags),
    proxy: proxyUrl(flags.proxy),
  })
}

/** @throws AppError BAD_OPTIONS, BAD_PEM, KEY_FILE_EXPOSED, FILE_UNREADABLE */
function clientPair({ clientCert, clientKey }: ServerFlags) {
  if (clientCert === undefined && clientKey === undefined) return {}
  if (clientCert === undefined || clientKey === undefined)
    throw badOptions(['--client-cert and --client-key belong together'])
  const cert = readPem('--client-cert', clientCert)
  checkPair(cert, readPem('--client-key', clientKey))
  return { clientCert: cert.text, clientKey: readSecretFile(clientKey) }
}

function serverUrl({ to: text, allowPlainHttp }: ServerFlags): string {
  if (text === undefined) throw badOptions(['--to URL is required: base address of the server'])
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw badOptions([`--to: "${text}": expected an address as in https://logs.example.org`])
  }
  if (url.username !== '' || url.password !== '') {
    throw badOptions([
      '--to: no user or password belongs in the address; the key goes with --key-file',
    ])
  }
  refusePlainHttp('--to', url, allowPlainHttp)
  return url.href
}

const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'] as const

/** Checks the environment's proxies too, because undici's errors about them do not help a user. */
function proxyUrl(flag: string | undefined): string | undefined {
  const flags: readonly (readonly [string, string | undefined])[] = [
    ['--proxy', flag],
    ...PROXY_VARIABLES.map((name) => [name, process.env[name]] as const),
  ]
  const faults = flags
    .filter(([, value]) => value !== undefined && value !== '' && !isProxy(value))
    .map(
      ([name, value]) =>
        `${name}: "${value}": expected an address as in http://proxy.example.org:3128`,
    )
  if (faults.length > 0) throw badOptions(faults)
  return flag
}

function isProxy(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)
}
