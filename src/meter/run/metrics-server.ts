/** `--metrics-listen`: the meter's metrics over HTTP, for Prometheus on the same machine. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError, messageOf } from '../../base/errors.js'
import { parseHostPort } from '../../base/host-port.js'
import { MeterMetrics } from '../metrics/meter-metrics.js'
import type { MeterSnapshot } from '../metrics/snapshot.js'

export interface MetricsServer {
  readonly url: string
  close(): Promise<void>
}

/** `listen` is a valid HOST:PORT. @throws AppError LISTEN_FAILED */
export async function serveMetrics(
  listen: string,
  snapshot: () => MeterSnapshot,
  /** In Prometheus' text format, after the meter's own. */
  more: () => string = () => '',
): Promise<MetricsServer> {
  const { host, port: wanted } = parseHostPort(listen)
  const metrics = new MeterMetrics(snapshot)
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end('see /metrics\n')
      return
    }
    void metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text + more()),
      (error: unknown) => response.writeHead(500).end(`${messageOf(error)}\n`),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new AppError('LISTEN_FAILED', `cannot listen on ${listen}: ${error.message}`, {
          hint: 'Choose another address or port with --metrics-listen.',
        }),
      ),
    )
    server.listen(wanted, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
