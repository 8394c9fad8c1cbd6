/** A receiver whose TLS is broken: nothing is sent, and the destination says what is wrong and what to do. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type TlsOptions } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { batch } from '../../support/batches.js'
import { Authority, canMakeCertificates } from '../../support/certificates.js'
import { add, current, later, sent, t, useDestinations } from '../../support/destinations-lab.js'
import { until } from '../../support/until.js'

useDestinations()

let server: Server
/** Bytes of a request that reached the receiver. */
let bytes: number

afterEach(() => {
  server.close()
})

async function listen(options: TlsOptions): Promise<number> {
  bytes = 0
  server = createServer(options, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      bytes += chunk.length
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

interface Broken {
  readonly is: string
  readonly options: (authority: Authority) => TlsOptions
  /** The destination trusts the authority; else those of the system. */
  readonly trusts: boolean
  readonly says: RegExp
}

const BROKEN: readonly Broken[] = [
  {
    is: 'has expired',
    options: (authority) => authority.issue('expired', 'DNS:localhost', -1),
    trusts: true,
    says: /^the receiver’s certificate, or its authority’s, has expired$/,
  },
  {
    is: 'is for another name',
    options: (authority) => authority.issue('other', 'DNS:logs.example.org'),
    trusts: true,
    says: /^the receiver’s certificate is for DNS:logs\.example\.org, not for localhost/,
  },
  {
    is: 'is self-signed',
    options: () => new Authority().self(),
    trusts: true,
    says: /^the receiver’s certificate is self-signed: put it into `ca` to trust it$/,
  },
  {
    is: 'is of an authority that nobody knows',
    options: (authority) => authority.issue('unknown', 'DNS:localhost'),
    trusts: false,
    says: /^the receiver’s certificate is of an authority .* put that authority into `ca`/,
  },
]

test
  .skipIf(!canMakeCertificates)
  .each(BROKEN.flatMap((one) => ['https', 'tls'].map((scheme) => ({ ...one, scheme }))))(
  '$scheme: a certificate that $is',
  async ({ options, trusts, says, scheme }) => {
    const authority = new Authority()
    const port = await listen(options(authority))
    const trust = trusts ? { ca: authority.cert } : {}
    const url = `${scheme}://localhost:${port}`
    const settings =
      scheme === 'https'
        ? { url: `${url}/`, format: 'ndjson', gzip: false, headers: {}, ...trust }
        : { url, facility: 16, appName: 'tunmeter', cee: false, events: 'native', ...trust }
    const courier = await add({ kind: scheme === 'https' ? 'webhook' : 'syslog', settings })
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await until(() => current(courier).state.failures > 0)
    const { lastFailure, delivered, blocked } = current(courier).state
    expect(lastFailure).toMatchObject({ status: null, text: expect.stringMatching(says) })
    expect([delivered, blocked, bytes]).toEqual([0, false, 0])
  },
)

test.skipIf(!canMakeCertificates)('goes on once the certificate is a good one', async () => {
  const authority = new Authority()
  const port = await listen(authority.issue('expired', 'DNS:localhost', -1))
  const settings = { url: `tls://localhost:${port}`, ca: authority.cert, facility: 16 }
  const named = { appName: 'tunmeter', cee: false, events: 'native' }
  const courier = await add({ kind: 'syslog', settings: { ...settings, ...named } })
  await t.send('acme', 1, batch(1, sent(1, 3)))
  await until(() => current(courier).state.failures > 0)
  server.setSecureContext(authority.issue('good', 'DNS:localhost'))
  await later(courier)
  await until(() => current(courier).state.delivered === 3)
  expect(bytes).toBeGreaterThan(0)
})
