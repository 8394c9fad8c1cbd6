/**
 * Checks the certificates and private keys of options. TLS itself reports a wrong one only at the
 * first connection, in a library's words, and a wrong authority not at all.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { readTextFile } from './bounded-file.js'
import { AppError, EXIT, messageOf } from './errors.js'

export interface PemFile {
  readonly option: string
  readonly path: string
  readonly text: string
}

const BYTES_MAX = 8 * 1024 * 1024
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m

/** @throws AppError BAD_PEM */
export function readPem(option: string, path: string): PemFile {
  try {
    return { option, path, text: readTextFile(path, BYTES_MAX) }
  } catch (error) {
    throw badPem(`${option}: cannot read ${path} (${messageOf(error)})`, WHAT_GOES_THERE, error)
  }
}

/** @returns the first certificate of `cert`, to which `key` belongs. @throws AppError BAD_PEM */
export function checkPair(cert: PemFile, key: PemFile): X509Certificate {
  const hint =
    `${cert.option} is a PEM chain that begins with the certificate itself, ` +
    `${key.option} its private key (PEM) without a passphrase.`
  const certificate = attempt(cert, 'a certificate', hint, () => {
    createSecureContext({ cert: cert.text })
    return new X509Certificate(cert.text)
  })
  const privateKey = attempt(key, 'a private key', hint, () => {
    if (ENCRYPTED.test(key.text))
      throw new Error('it needs a passphrase, which cannot be asked for')
    return createPrivateKey(key.text)
  })
  if (!certificate.checkPrivateKey(privateKey))
    throw badPem(
      `the key in ${key.path} does not belong to the certificate in ${cert.path}`,
      hint,
      null,
    )
  try {
    createSecureContext({ cert: cert.text, key: key.text })
  } catch (error) {
    throw badPem(`${cert.path} and ${key.path} cannot be used (${messageOf(error)})`, hint, error)
  }
  return certificate
}

const WHAT_GOES_THERE = 'Give a PEM file that this user may read.'

/**
 * Reads trusted certificates, as text.
 * @throws AppError BAD_PEM
 */
export function readAuthorities(option: string, path: string): string {
  const file = readPem(option, path)
  const hint = 'Give the certificate of the authority, or several one after another, as PEM.'
  const blocks = [...file.text.matchAll(BLOCK)].filter(([, label]) => isCertificate(label!))
  if (blocks.length === 0)
    throw badPem(`${option} ${path} holds no certificate: it ${whatItIs(file.text)}`, hint, null)
  attempt(file, 'a list of certificates', hint, () => {
    for (const [block] of blocks) new X509Certificate(block)
  })
  return file.text
}

function isCertificate(label: string): boolean {
  return /^(?:X509 |TRUSTED )?CERTIFICATE$/.test(label)
}

function attempt<T>(
  { option, path, text }: PemFile,
  expected: string,
  hint: string,
  action: () => T,
): T {
  try {
    return action()
  } catch (error) {
    const fault = `${option} ${path} is not ${expected} that can be used: it ${whatItIs(text)}`
    throw badPem(`${fault} (${messageOf(error)})`, hint, error)
  }
}

/** Describes a file that is not the expected one. */
function whatItIs(text: string): string {
  if (text.trim() === '') return 'is empty'
  if (ENCRYPTED.test(text)) return 'is encrypted with a passphrase'
  const label = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(text)?.[1]?.toLowerCase()
  if (label === undefined) return 'is not PEM'
  return `holds ${/^(?:[aeiox]|rsa)/.test(label) ? 'an' : 'a'} ${label}, according to its first line`
}

function badPem(fault: string, hint: string, cause: unknown): AppError {
  return new AppError('BAD_PEM', fault, { hint, exitCode: EXIT.usage, cause })
}
