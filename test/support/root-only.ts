/** Whether real tunnels can be built here; the reason when not. */
import { spawnSync } from 'node:child_process'

const TOOLS = ['ip', 'wg', 'wireguard-go', 'openvpn', 'tcpdump', 'iperf3', 'curl'].concat(
  'dnsmasq',
  'dig',
  'nft',
)

export function whyNoLab(): string | null {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const missing = TOOLS.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0)
  return missing.length === 0 ? null : `not installed: ${missing.join(', ')}`
}
