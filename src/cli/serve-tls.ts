/** The certificate of `tunmeter serve`: read, checked, and read again on SIGHUP. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
import { createSecureContext } from 'node:tls'
import { badOptions } from '../base/config.js'
import { AppError, EXIT, messageOf } from '../base/errors.js'

export interface TlsFiles {
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
}

export interface Tls {
  readonly cert: string
  readonly key: string
  /** SHA-256 of the certificate: commands of this machine know the server by it, whatever its name. */
  readonly fingerprint: string
  readonly validUntil: string
}

/** @throws AppError BAD_OPTIONS, BAD_TLS */
export function readTls({ tlsCert, tlsKey }: TlsFiles): Tls | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined)
    throw badOptions(['--tls-cert and --tls-key go together'])
  try {
    const [cert, key] = [readFileSync(tlsCert, 'utf8'), readFileSync(tlsKey, 'utf8')]
    createSecureContext({ cert, key })
    const { fingerprint256, validTo } = new X509Certificate(cert)
    return { cert, key, fingerprint: fingerprint256, validUntil: validTo }
  } catch (error) {
    throw new AppError('BAD_TLS', `cannot use ${tlsCert} with ${tlsKey}: ${messageOf(error)}`, {
      hint: '--tls-cert is a PEM chain that begins with the server’s certificate, --tls-key its private key.',
      exitCode: EXIT.usage,
      cause: error,
    })
  }
}

/** For connections that open from now on. */
export function useTls(servers: Iterable<Server>, { cert, key }: Tls): void {
  for (const server of servers)
    if (server instanceof TlsServer) server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' })
}
