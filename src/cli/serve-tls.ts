/** The certificate of `tunmeter serve`: read, checked, and read again on SIGHUP. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
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
  const cert = read('--tls-cert', tlsCert)
  const key = read('--tls-key', tlsKey)
  const certificate = attempt(`--tls-cert ${tlsCert} ${whatItIs(cert, 'a certificate')}`, () => {
    createSecureContext({ cert })
    return new X509Certificate(cert)
  })
  const privateKey = attempt(`--tls-key ${tlsKey} ${whatItIs(key, 'a private key')}`, () =>
    createPrivateKey(key),
  )
  if (!certificate.checkPrivateKey(privateKey))
    throw badTls(`the key in ${tlsKey} does not belong to the certificate in ${tlsCert}`)
  attempt(`${tlsCert} and ${tlsKey} cannot be used`, () => createSecureContext({ cert, key }))
  const { fingerprint256, validTo } = certificate
  return { cert, key, fingerprint: fingerprint256, validUntil: validTo }
}

function read(option: string, path: string): string {
  return attempt(`${option}: cannot read ${path}`, () => readFileSync(path, 'utf8'))
}

/** What a file is that is not what it should be. */
function whatItIs(pem: string, expected: string): string {
  const label = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(pem)?.[1]
  const found =
    label === undefined
      ? 'is not PEM'
      : `holds a ${label.toLowerCase()}, as far as its first line says`
  return `is not ${expected} that can be used: it ${found}`
}

function attempt<T>(fault: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw badTls(`${fault} (${messageOf(error)})`, error)
  }
}

function badTls(fault: string, cause?: unknown): AppError {
  return new AppError('BAD_TLS', fault, {
    hint: '--tls-cert is a PEM chain that begins with the server’s certificate, --tls-key its private key without a passphrase.',
    exitCode: EXIT.usage,
    cause,
  })
}

/** For connections that open from now on. */
export function useTls(servers: Iterable<Server>, { cert, key }: Tls): void {
  for (const server of servers)
    if (server instanceof TlsServer) server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' })
}
