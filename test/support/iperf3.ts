/** iperf3 as a judge: its own totals of what it sent and received. */
import { type Namespace, until } from './lab.js'

/** Two seconds against the server at `host`; answers its JSON. It takes one client at a time and may still be busy. */
export function iperf3(
  space: Namespace,
  host: string,
  ...args: readonly string[]
  // biome-ignore lint/suspicious/noExplicitAny: iperf3's document, of which tests read a few figures.
): Promise<any> {
  return until(`iperf3 ${args.join(' ')}`, async () => {
    const { stdout } = await space.run('iperf3', ['-c', host, '-J', '-t', '2', ...args], {
      allow: [1],
    })
    const result = JSON.parse(stdout)
    return result.error === undefined && result.start.connected.length > 0 ? result : null
  })
}
