/** An HTTP proxy that knows CONNECT (RFC 9110 9.3.6) and nothing else, and remembers what it was asked for. */
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export class ConnectProxy {
  /** `host:port`, and the credentials that came with it. */
  readonly asked: { to: string; authorization: string | undefined }[] = []
  /** Without it everybody may. */
  user: string | null = null
  url = ''

  async start(): Promise<this> {
    const sockets = new Set<Socket>()
    const server = createServer((_, response) => response.writeHead(405).end())
    server.on('connect', (query: IncomingMessage, client: Socket, head: Buffer) => {
      const to = query.url ?? ''
      const authorization = query.headers['proxy-authorization']
      this.asked.push({ to, authorization })
      const [host = '', port = ''] = to.split(':')
      client.on('error', () => undefined)
      if (this.user !== null && authorization !== `Basic ${btoa(this.user)}`) {
        client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
        return
      }
      const onward = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        onward.write(head)
        onward.pipe(client).pipe(onward)
      })
      sockets.add(onward).add(client)
      onward.on('error', () => client.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      server.close()
    })
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return this
  }
}
