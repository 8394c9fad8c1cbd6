/** The way to the server: TLS with one's own authority and certificates, and proxies. */
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Connection, type ServerOptions } from '../../../src/meter/ship/connection.js'
import { Authority, canMakeCertificates } from '../../support/certificates.js'
import { ConnectProxy } from '../../support/connect-proxy.js'
import { FakeServer } from '../../support/fake-server.js'
import { batchOf } from '../../support/spools.js'

async function opened(options: Partial<ServerOptions> & { url: string }): Promise<Connection> {
  const connection = await Connection.open({ key: 'k', answerTimeoutMs: 5_000, ...options })
  onTestFinished(() => connection.close())
  return connection
}

/** What becomes of one batch: `stored`, or why not. */
async function outcome(options: Partial<ServerOptions> & { url: string }): Promise<string> {
  const connection = await opened(options)
  const { body } = await batchOf(1)(1, [], null)
  const verdict = await connection.send({ orgId: 'acme', siteId: 3 }, 1, body)
  return verdict.kind === 'away' ? `away: ${verdict.message}` : verdict.kind
}

describe.skipIf(!canMakeCertificates)('TLS (needs openssl to make certificates)', () => {
  test('an authority of one’s own is trusted when it is given, and only then', async () => {
    const authority = new Authority()
    const { url } = await new FakeServer().start(authority.issue('server'))
    expect(await outcome({ url, ca: authority.cert })).toBe('stored')
    expect(await outcome({ url })).toMatch(/^away: .*(certificate|issuer)/)
    expect(await outcome({ url, ca: new Authority().cert })).toMatch(/^away: .*certificate/)
  })

  test('a client certificate is shown to a server that asks for it', async () => {
    const authority = new Authority()
    const { cert, key } = authority.issue('server')
    const ask = { requestCert: true, rejectUnauthorized: true, ca: authority.cert }
    const { url } = await new FakeServer().start({ cert, key, ...ask })
    const mine = authority.issue('meter')
    const shown = { clientCert: mine.cert, clientKey: mine.key }
    expect(await outcome({ url, ca: authority.cert, ...shown })).toBe('stored')
    expect(await outcome({ url, ca: authority.cert })).toMatch(/^away: /)
  })

  test('both work through a proxy, which sees neither key nor sessions', async () => {
    const authority = new Authority()
    const { cert, key } = authority.issue('server')
    const ask = { requestCert: true, rejectUnauthorized: true, ca: authority.cert }
    const server = await new FakeServer().start({ cert, key, ...ask })
    const proxy = await new ConnectProxy().start()
    const mine = authority.issue('meter')
    const way = { url: server.url, proxy: proxy.url, ca: authority.cert }
    expect(await outcome({ ...way, clientCert: mine.cert, clientKey: mine.key })).toBe('stored')
    expect(proxy.asked).toEqual([
      { to: server.url.slice('https://'.length), authorization: undefined },
    ])
    expect(await outcome(way)).toMatch(/^away: /)
  })
})

describe('a proxy', () => {
  test('one that is given is used', async () => {
    const server = await new FakeServer().start()
    const proxy = await new ConnectProxy().start()
    expect(await outcome({ url: server.url, proxy: proxy.url })).toBe('stored')
    expect(proxy.asked.map((a) => a.to)).toEqual([server.url.slice('http://'.length)])
  })

  test('its user and password come from its address', async () => {
    const server = await new FakeServer().start()
    const proxy = await new ConnectProxy().start()
    proxy.user = 'me:secret'
    const withUser = proxy.url.replace('//', '//me:secret@')
    expect(await outcome({ url: server.url, proxy: withUser })).toBe('stored')
    expect(await outcome({ url: server.url, proxy: proxy.url })).toMatch(/^away: /)
    expect(server.stored.size).toBe(1)
  })

  test('that of the environment is used, but for addresses that NO_PROXY names', async () => {
    const server = await new FakeServer().start()
    const proxy = await new ConnectProxy().start()
    vi.stubEnv('http_proxy', proxy.url)
    vi.stubEnv('no_proxy', '')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(await outcome({ url: server.url })).toBe('stored')
    expect(proxy.asked.length).toBe(1)
    vi.stubEnv('no_proxy', '127.0.0.1')
    expect(await outcome({ url: server.url })).toBe('stored')
    expect(proxy.asked.length).toBe(1)
  })

  test('one that is away means: later', async () => {
    const server = await new FakeServer().start()
    expect(await outcome({ url: server.url, proxy: 'http://127.0.0.1:1' })).toMatch(/^away: /)
    expect(server.asked).toEqual([])
  })
})

test('a server that takes the connection and says nothing is let go of at the end, before TLS too', async () => {
  const closed = new Promise<void>((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        server.close()
        resolve()
      })
      void connected.close()
    })
    let connected: Connection
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      void Connection.open({ url: `https://127.0.0.1:${port}`, key: 'k' }).then((connection) => {
        connected = connection
        return connection.whoAmI()
      }, reject)
    })
  })
  await closed
})
