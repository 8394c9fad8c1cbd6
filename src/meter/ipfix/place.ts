/** Parses `--ipfix`: a collector or a file. */
import { badOptions } from '../../base/config.js'

export interface CollectorPlace {
  readonly kind: 'udp' | 'tcp' | 'tls'
  readonly host: string
  readonly port: number
}

export type IpfixPlace = CollectorPlace | { readonly kind: 'file'; readonly path: string }

const COLLECTOR = /^(?:(udp|tcp|tls):\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^\s/:[\]]+)):(\d{1,5})$/

/** `HOST:PORT` is UDP. @throws AppError BAD_OPTIONS */
export function ipfixPlace(option: string): IpfixPlace {
  const match = COLLECTOR.exec(option)
  if (match === null) {
    if (/^\w+:\/\//.test(option))
      throw badOptions([
        `--ipfix ${option}: expected udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, HOST:PORT or a file`,
      ])
    if (option === '-')
      throw badOptions(['--ipfix -: IPFIX is not written to standard output: name a file'])
    return { kind: 'file', path: option }
  }
  const [, kind = 'udp', address, name] = match
  const port = Number(match[4])
  if (port < 1 || port > 65_535)
    throw badOptions([`--ipfix ${option}: expected a port from 1 to 65535`])
  return { kind: kind as CollectorPlace['kind'], host: address ?? name!, port }
}
