/** Addresses of ClickHouse on the command line: `clickhouse://user:password@host:8123/database`. */
import { AppError, EXIT } from '../base/errors.js'
import { percentDecoded } from '../base/percent-decoded.js'
import type { ClickHouseAddress } from '../server/store/open.js'

const PORTS = { 'clickhouse:': ['http', 8123], 'clickhouses:': ['https', 8443] } as const
const HINT =
  'As in clickhouse://tunmeter:PASSWORD@localhost:8123/tunmeter; clickhouses:// uses TLS.'

/** @throws AppError BAD_OPTIONS; its text has no password */
export function clickHouseAddress(option: string, given: string): ClickHouseAddress {
  const url = URL.canParse(given) ? new URL(given) : undefined
  const kind = PORTS[url?.protocol as keyof typeof PORTS]
  const database = percentDecoded(url?.pathname.slice(1) ?? '') ?? ''
  if (url === undefined || kind === undefined || url.hostname === '' || !/^\w+$/.test(database))
    throw new AppError('BAD_OPTIONS', `${option} is no address of a ClickHouse database`, {
      hint: HINT,
      exitCode: EXIT.usage,
    })
  const [scheme, port] = kind
  const { username, password } = url
  return {
    url: `${scheme}://${url.hostname}:${url.port === '' ? port : url.port}`,
    database,
    ...(username !== '' && { username: percentDecoded(username) ?? username }),
    ...(password !== '' && { password: percentDecoded(password) ?? password }),
  }
}
