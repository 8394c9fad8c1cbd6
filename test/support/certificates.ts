/** A certificate authority, and certificates of it for a server on 127.0.0.1 and for a client; made by openssl. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './temporary.js'

export const canMakeCertificates = spawnSync('openssl', ['version']).status === 0

export interface Certificate {
  readonly cert: string
  readonly key: string
}

export class Authority {
  readonly #directory: string
  readonly cert: string

  constructor(directory = temporaryDirectory()) {
    this.#directory = directory
    const name = ['-x509', '-subj', '/CN=tunmeter test authority', '-days', '2']
    this.#openssl('req', ...name, ...this.#newKey('ca'), '-out', this.#path('ca.pem'))
    this.cert = this.#read('ca.pem')
  }

  /**
   * @param names what clients may call the server
   * @param days how long it is valid from now on; -1: it has expired
   */
  issue(name: string, names = 'IP:127.0.0.1', days = 2): Certificate {
    const [request, extensions] = [this.#path(`${name}.csr`), this.#path(`${name}.ext`)]
    writeFileSync(extensions, `subjectAltName=${names}\n`)
    this.#openssl('req', '-subj', `/CN=${name}`, ...this.#newKey(name), '-out', request)
    this.#openssl(
      ...['x509', '-req', '-days', String(days), '-in', request, '-extfile', extensions],
      ...['-CA', this.#path('ca.pem'), '-CAkey', this.#path('ca.key'), '-CAcreateserial'],
      ...['-out', this.#path(`${name}.pem`)],
    )
    return { cert: this.#read(`${name}.pem`), key: this.#read(`${name}.key`) }
  }

  /** The certificate of the authority itself, which is self-signed. */
  self(): Certificate {
    return { cert: this.cert, key: this.#read('ca.key') }
  }

  #newKey(name: string): string[] {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
    return [...curve, '-nodes', '-keyout', this.#path(`${name}.key`)]
  }

  #path(file: string): string {
    return join(this.#directory, file)
  }

  #read(file: string): string {
    return readFileSync(this.#path(file), 'utf8')
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
}
