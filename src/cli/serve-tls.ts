/** The certificate of `tunmeter serve`: read, checked, and read again on SIGHUP. */
import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
import { badOptions } from '../base/config.js'
import { checkPair, readPem } from '../base/pem-files.js'

export interface TlsFiles {
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
}

export interface Tls {
  readonly cert: string
  readonly key: string
  /** SHA-256 of the certificate. Commands on this machine check it instead of the name, which can be any. */
  readonly fingerprint: string
  readonly validUntil: string
}

/** @throws AppError BAD_OPTIONS, BAD_PEM */
export function readTls({ tlsCert, tlsKey }: TlsFiles): Tls | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined)
    throw badOptions(['--tls-cert and --tls-key go together'])
  const cert = readPem('--tls-cert', tlsCert)
  const key = readPem('--tls-key', tlsKey)
  const { fingerprint256, validTo } = checkPair(cert, key)
  return { cert: cert.text, key: key.text, fingerprint: fingerprint256, validUntil: validTo }
}

/** Applies to connections opened after this call. */
export function useTls(servers: Iterable<Server>, { cert, key }: Tls): void {
  for (const server of servers)
    if (server instanceof TlsServer) server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' })
}
