/** What is wrong with a receiver's certificate, and what to do. OpenSSL's own words say neither whose it is. */
import type { PeerCertificate } from 'node:tls'

const UNTRUSTED =
  'the receiver’s certificate is of an authority that this server does not trust: put that authority into `ca`, or let the receiver send the certificates in between'

/** By the code of the error. */
const FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the receiver’s certificate, or its authority’s, has expired',
  CERT_NOT_YET_VALID: 'the receiver’s certificate is not valid yet, by the clock of this server',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'the receiver’s certificate is self-signed: put it into `ca` to trust it',
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the receiver speaks no version of TLS from 1.2 on',
}

interface TlsError {
  readonly code?: string
  /** With ERR_TLS_CERT_ALTNAME_INVALID. */
  readonly host?: string
  readonly cert?: PeerCertificate
}

/** Undefined: the error is another one. */
export function tlsFault(error: unknown): string | undefined {
  const { code = '', host, cert } = error as TlsError
  if (code !== 'ERR_TLS_CERT_ALTNAME_INVALID') return FAULTS[code]
  const names = cert?.subjectaltname ?? `CN ${cert?.subject?.CN ?? 'nobody'}`
  return `the receiver’s certificate is for ${names}, not for ${host}`
}
