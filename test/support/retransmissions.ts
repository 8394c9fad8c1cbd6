/** What a judge at the socket does not count: TCP payload that passed the site more than once. */
import type { Namespace } from './lab.js'

/** Payload of one segment at most: the tunnel's MTU of 1420 less the headers of IPv4 and TCP. */
const SEGMENT_MAX = 1380

/** Segments that TCP in this namespace has sent more than once (RFC 4022, tcpRetransSegs). */
async function retransmissions(space: Namespace): Promise<number> {
  const { stdout } = await space.run('cat', ['/proc/net/snmp'])
  const [names = [], values = []] = stdout
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '))
  return Number(values[names.indexOf('RetransSegs')])
}

/** Octets that these namespaces have sent again since they were made, at most. 0 when nothing was sent again. */
export async function octetsSentAgain(spaces: readonly Namespace[]): Promise<number> {
  const segments = await Promise.all(spaces.map(retransmissions))
  return SEGMENT_MAX * segments.reduce((sum, one) => sum + one, 0)
}
