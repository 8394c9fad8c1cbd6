/** `tunmeter peers`: who is behind a WireGuard interface, with the catalog's names. */

import { type OptionValues, requiredText, text, toggle } from '../base/config.js'
import type { CommandContext } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { loadCatalog } from '../meter/attribution/catalog-file.js'
import { humanBytes } from '../meter/output/human.js'
import type { WireGuardDevice, WireGuardPeer } from '../meter/wireguard/device.js'
import { readPeers } from '../meter/wireguard/read-peers.js'
import { type Catalog, EMPTY_CATALOG } from '../session/catalog.js'
import { defineCommand } from './command.js'

const OPTIONS = {
  interface: requiredText('The WireGuard interface', 'IF'),
  catalog: text('Names of clients and users: a JSON or YAML file', 'FILE'),
  json: toggle('One JSON document instead of a table'),
}

export const command = defineCommand({
  name: 'peers',
  summary: 'Show the peers of a WireGuard interface, with names from the catalog.',
  details: `Reads kernel interfaces over netlink (needs CAP_NET_ADMIN) and userspace ones over their socket in
/var/run/wireguard; the wg program is not needed. Private keys are not kept.

Example:
  tunmeter peers --interface wg0 --catalog catalog.yaml`,
  options: OPTIONS,
  run,
})

async function run(
  _args: readonly string[],
  options: OptionValues<typeof OPTIONS>,
  { stdout }: CommandContext,
): Promise<number> {
  // The catalog first: a mistake in it should not depend on the interface being there.
  const catalog = options.catalog === undefined ? EMPTY_CATALOG : loadCatalog(options.catalog)
  const device = await readPeers(options.interface)
  const rows = device.peers.map((peer) => describe(peer, catalog))
  stdout.write(options.json ? json(device, rows) : table(device, rows, Date.now() / 1000))
  return EXIT.ok
}

interface Row extends WireGuardPeer {
  readonly clientId: number | null
  readonly clientName: string | null
  readonly userName: string | null
}

function describe(peer: WireGuardPeer, catalog: Catalog): Row {
  const client = catalog.clients.find((one) => one.publicKey === peer.publicKey)
  const user = catalog.users.find((one) => one.userId === client?.userId)
  return {
    clientId: client?.clientId ?? null,
    clientName: client?.name ?? null,
    userName: user?.name ?? client?.userId ?? null,
    ...peer,
  }
}

function json(device: WireGuardDevice, peers: readonly Row[]): string {
  return `${JSON.stringify({ ...device, peers }, null, 2)}\n`
}

const HEADINGS = [
  'CLIENT',
  'USER',
  'PUBLIC KEY',
  'ENDPOINT',
  'ALLOWED IPS',
  'HANDSHAKE',
  'RECEIVED',
  'SENT',
]

function table(device: WireGuardDevice, rows: readonly Row[], nowSeconds: number): string {
  const cells = rows.map((row) =>
    [
      row.clientName ?? '-',
      row.userName ?? '-',
      row.publicKey,
      row.endpoint ?? '-',
      row.allowedIps.join(', ') || '-',
      row.lastHandshakeSeconds === null ? 'never' : ago(nowSeconds - row.lastHandshakeSeconds),
      humanBytes(row.rxBytes),
      humanBytes(row.txBytes),
    ].map((text) => printable(text)),
  )
  const widths = HEADINGS.map((heading, i) =>
    Math.max(heading.length, ...cells.map((row) => row[i]!.length)),
  )
  const line = (row: readonly string[]) =>
    `${row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd()}\n`
  const port = device.listenPort === null ? '' : `, port ${device.listenPort}`
  const count = `${rows.length} ${rows.length === 1 ? 'peer' : 'peers'}`
  const title = `${device.interfaceName} (${device.kind} WireGuard${port}): ${count}\n`
  return title + [HEADINGS, ...cells].map(line).join('')
}

function ago(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 120) return `${whole} s ago`
  if (whole < 7200) return `${Math.round(whole / 60)} min ago`
  return `${Math.round(whole / 3600)} h ago`
}
