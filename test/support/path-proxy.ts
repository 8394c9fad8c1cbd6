/** A proxy that gives a server a path of its host, and answers 404 beside it. */
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'

export interface PathProxy {
  /** With the path and its last slash. */
  readonly url: string
  /** URLs outside the path that a client has asked for. */
  readonly beside: readonly string[]
  stop(): void
}

/** @param how whether the server sees the path */
export async function startPathProxy(
  path: string,
  to: string,
  how: 'keeps' | 'removes',
): Promise<PathProxy> {
  const beside: string[] = []
  const server = createServer((asked, answer) => {
    const { url = '', method, headers } = asked
    if (!url.startsWith(path)) {
      beside.push(url)
      answer.writeHead(404).end()
      return
    }
    const onward = new URL(to + (how === 'keeps' ? url : url.slice(path.length - 1)))
    const forwarded = request(onward, { method, headers }, (got) => {
      answer.writeHead(got.statusCode!, got.headers)
      pipeline(got, answer, () => undefined)
    })
    pipeline(asked, forwarded, () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}${path}`,
    beside,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
