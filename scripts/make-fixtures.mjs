/**
 * Makes fixtures/wireguard and fixtures/demo anew from real traffic through real WireGuard tunnels:
 * `node scripts/make-fixtures.mjs [wireguard|demo]...` as root, with wireguard-go, wireguard-tools,
 * tcpdump, tshark, iproute2, curl, dnsmasq, dnsutils and nftables installed. The scenarios are
 * TypeScript, loaded through Vite, so that they share their helpers with the end-to-end tests.
 */
import { runnerImport } from 'vite'

if (process.getuid() !== 0) {
  console.error('make-fixtures: network namespaces need root; run it with sudo')
  process.exit(1)
}
const { module } = await runnerImport(new URL('./fixtures/main.ts', import.meta.url).pathname)
const names = process.argv.slice(2)
await module.main(names.length > 0 ? names : ['wireguard', 'demo'])
