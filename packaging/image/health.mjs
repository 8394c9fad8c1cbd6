// Checks that the container's tunmeter answers (exit code 0 or 1): the meter's metrics, or the
// server's readiness. The environment has their addresses, as for tunmeter itself.
import { get as httpGet } from 'node:http'
import { get as httpsGet } from 'node:https'

const { TUNMETER_LISTEN, TUNMETER_METRICS_LISTEN, TUNMETER_TLS_CERT } = process.env
const isServer = TUNMETER_METRICS_LISTEN === undefined
const listen = TUNMETER_METRICS_LISTEN ?? TUNMETER_LISTEN ?? '127.0.0.1:8480'
const [, host, port] = /^(.*):(\d+)$/.exec(listen) ?? []
const here = { '0.0.0.0': '127.0.0.1', '[::]': '[::1]', '': '127.0.0.1' }[host] ?? host
const isTls = isServer && TUNMETER_TLS_CERT !== undefined
const url = `${isTls ? 'https' : 'http'}://${here}:${port}${isServer ? '/readyz' : '/metrics'}`

// The certificate has the name that other machines use, which does not matter on this machine.
const request = (isTls ? httpsGet : httpGet)(url, { rejectUnauthorized: false, timeout: 5000 })
request.on('response', ({ statusCode }) => end(statusCode === 200, `answered ${statusCode}`))
request.on('timeout', () => end(false, 'no answer within 5 s'))
request.on('error', (error) => end(false, error.message))

function end(isHealthy, what) {
  console.log(`${url}: ${what}`)
  process.exit(isHealthy ? 0 : 1)
}
