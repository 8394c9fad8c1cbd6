/** `tunmeter peers`: lists the peers of a WireGuard interface, with the catalog's names. */

import { type OptionValues, requiredText, text, toggle } from '../base/config.js'
import type { CommandContext } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { plural } from '../base/quantity.js'
import { terminalWidth } from '../base/terminal.js'
import { type Column, tableText } from '../base/text-table.js'
import { loadCatalog } from '../meter/attribution/catalog-file.js'
import { humanBytes, painter } from '../meter/output/human.js'
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
  context: CommandContext,
): Promise<number> {
  // The catalog first, so that its mistakes show even without the interface.
  const catalog = options.catalog === undefined ? EMPTY_CATALOG : loadCatalog(options.catalog)
  const device = await readPeers(options.interface)
  const rows = device.peers.map((peer) => describe(peer, catalog))
  context.stdout.write(options.json ? json(device, rows) : table(device, rows, context))
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

function table(
  device: WireGuardDevice,
  rows: readonly Row[],
  { stdout, env }: CommandContext,
): string {
  const port = device.listenPort === null ? '' : `, port ${device.listenPort}`
  const title = `${device.interfaceName} (${device.kind} WireGuard${port}): ${plural(rows.length, 'peer')}\n`
  const options = { paint: painter(stdout, env), width: terminalWidth(stdout, env) }
  return title + tableText(layouts(Date.now() / 1000), rows, options)
}

/** From wide to narrow. Narrow layouts have one column for the client's name or, without a name, its public key. */
function layouts(nowSeconds: number): Column<Row>[][] {
  const client = nameColumn('CLIENT', (row) => row.clientName ?? '-')
  const user = nameColumn('USER', (row) => row.userName ?? '-')
  const key: Column<Row> = { title: 'PUBLIC KEY', read: (row) => row.publicKey }
  const who: Column<Row> = {
    title: 'CLIENT',
    shrinksTo: 12,
    read: (row) => row.clientName ?? row.publicKey,
  }
  const endpoint: Column<Row> = { title: 'ENDPOINT', read: (row) => row.endpoint ?? '-' }
  const allowed: Column<Row> = {
    title: 'ALLOWED IPS',
    shrinksTo: 15,
    read: (row) => row.allowedIps.join(', ') || '-',
  }
  const handshake: Column<Row> = {
    title: 'HANDSHAKE',
    read: ({ lastHandshakeSeconds: at }) => (at === null ? 'never' : ago(nowSeconds - at)),
  }
  const bytes: Column<Row>[] = [
    { title: 'RECEIVED', align: 'right', read: (row) => humanBytes(row.rxBytes) },
    { title: 'SENT', align: 'right', read: (row) => humanBytes(row.txBytes) },
  ]
  return [
    [client, user, key, endpoint, allowed, handshake, ...bytes],
    [client, key, endpoint, allowed, handshake, ...bytes],
    [who, endpoint, allowed, handshake, ...bytes],
    [who, allowed, handshake, ...bytes],
    [who, handshake, ...bytes],
  ]
}

function nameColumn(title: string, read: (row: Row) => string): Column<Row> {
  return { title, shrinksTo: 12, read }
}

function ago(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 120) return `${whole} s ago`
  if (whole < 7200) return `${Math.round(whole / 60)} min ago`
  return `${Math.round(whole / 3600)} h ago`
}
