/** `tunmeter catalog init`: makes a first catalog from existing configuration; prints it or writes a new file. */

import { readFileSync, writeFileSync } from 'node:fs'
import { stringify as toYaml } from 'yaml'
import { badOptions, text, textList } from '../base/config.js'
import { say } from '../base/context.js'
import { AppError, EXIT, messageOf } from '../base/errors.js'
import { plural } from '../base/quantity.js'
import { loadCatalog } from '../meter/attribution/catalog-file.js'
import { readPeers } from '../meter/wireguard/read-peers.js'
import { CATALOG_BYTES_MAX } from '../session/bounds.js'
import { type Catalog, EMPTY_CATALOG } from '../session/catalog.js'
import {
  type Found,
  readNetBird,
  readTailscale,
  readWgEasy,
  readWgQuick,
} from './catalog-sources.js'
import { defineCommand } from './command.js'

export const initCommand = defineCommand({
  name: 'init',
  summary: 'Create a catalog from peers, wg-quick, wg-easy, Tailscale or NetBird.',
  options: {
    wgQuick: textList(
      'Peers of a wg-quick file, named by the comments beside them. Repeatable.',
      'FILE',
    ),
    wgEasy: textList(
      'Clients of wg-easy: its wg0.json, or what its API answers. Repeatable.',
      'FILE',
    ),
    tailscale: text('Devices of `tailscale status --json`; - for standard input.', 'FILE'),
    netbird: text('Peers of `netbird status --json`; - for standard input.', 'FILE'),
    interface: textList('Peers of a WireGuard interface; they have no names. Repeatable.', 'IF'),
    catalog: text('Keep the entries of this catalog, and add the missing ones.', 'FILE'),
    output: text('Write to this file, which must be new. Default: standard output.', 'FILE'),
  },
  details: `Examples:
  tunmeter catalog init --wg-quick /etc/wireguard/wg0.conf --output catalog.yaml
  tailscale status --json | tunmeter catalog init --tailscale - --output catalog.yaml
  tunmeter catalog init --catalog catalog.yaml --interface wg0 --output new.yaml
Private keys in these files are neither kept nor printed. Then: name resources (docs/wireguard.md), tunmeter
catalog check, tunmeter catalog push. From the API of Pangolin or NetBird: tunmeter catalog pull --print.`,
  run: async (_args, options, context) => {
    const { wgQuick, wgEasy, tailscale, netbird, interface: interfaces, catalog, output } = options
    if (
      [...wgQuick, ...wgEasy, ...interfaces, tailscale, netbird].every((one) => one === undefined)
    )
      throw badOptions([
        'a source is required: --wg-quick, --wg-easy, --tailscale, --netbird or --interface',
      ])
    const before = catalog === undefined ? EMPTY_CATALOG : loadCatalog(catalog)
    // Files first, because they have names. Interfaces then add the peers that no file has.
    const found: Found[] = [
      ...wgQuick.map((file) => readWgQuick(textOf(file))),
      ...wgEasy.map((file) => jsonOf(file, readWgEasy, 'wg-easy keeps or answers')),
    ]
    if (tailscale !== undefined)
      found.push(jsonOf(tailscale, readTailscale, '`tailscale status --json` prints'))
    if (netbird !== undefined)
      found.push(jsonOf(netbird, readNetBird, '`netbird status --json` prints'))
    for (const name of interfaces) found.push(await peersOf(name))
    const { catalog: made, added, doubled } = addTo(before, found)
    if (made.clients.length === 0)
      throw new AppError('NOTHING_FOUND', 'the sources have no peers or devices')
    const yaml = toYaml(made)
    if (output === undefined) context.stdout.write(yaml)
    else writeNew(output, yaml)
    for (const line of doubled) say(context, `left out: ${line}`)
    const kept = before.clients.length
    say(context, `${plural(added, 'client')} added${kept > 0 ? `, ${kept} kept` : ''}`)
    return EXIT.ok
  },
})

async function peersOf(name: string): Promise<Found> {
  const { peers } = await readPeers(name)
  const clients = peers.map(({ publicKey }) => {
    return { name: null, publicKey, addresses: [], userId: null }
  })
  return { clients, users: [] }
}

/** New clients get ids above the largest. A client that is known by its key or an address stays as it is. */
export function addTo(
  before: Catalog,
  found: readonly Found[],
): { catalog: Catalog; added: number; doubled: string[] } {
  const clients = [...before.clients]
  const users = [...before.users]
  const keys = new Set(clients.map((c) => c.publicKey))
  const addresses = new Set(clients.flatMap((c) => c.addresses))
  const userIds = new Set(users.map((u) => u.userId))
  const doubled: string[] = []
  let clientId = clients.reduce((max, c) => Math.max(max, c.clientId), 0)
  for (const { clients: some, users: theirs } of found) {
    for (const user of theirs) {
      if (userIds.has(user.userId)) continue
      userIds.add(user.userId)
      users.push(user)
    }
    for (const { name, publicKey, addresses: own, userId } of some) {
      if (publicKey !== null && keys.has(publicKey)) continue
      const fresh = own.filter((address) => !addresses.has(address))
      if (publicKey === null && fresh.length === 0) {
        if (!before.clients.some((c) => c.addresses.includes(own[0]!)))
          doubled.push(`${name ?? own[0]}: another client has its addresses`)
        continue
      }
      if (publicKey !== null) keys.add(publicKey)
      for (const address of fresh) addresses.add(address)
      clients.push({
        clientId: ++clientId,
        name: name ?? (publicKey === null ? fresh[0]! : `peer ${publicKey.slice(0, 8)}`),
        ...(userId !== null && { userId }),
        ...(publicKey !== null && { publicKey }),
        addresses: fresh,
      })
    }
  }
  const added = clients.length - before.clients.length
  return { catalog: { ...before, clients, users }, added, doubled }
}

/** @throws AppError SOURCE_UNREADABLE */
function textOf(file: string): string {
  try {
    const bytes = readFileSync(file === '-' ? 0 : file)
    if (bytes.length > CATALOG_BYTES_MAX) throw new Error(`larger than ${CATALOG_BYTES_MAX} bytes`)
    return bytes.toString('utf8')
  } catch (error) {
    throw unreadable(file, messageOf(error))
  }
}

/** @throws AppError SOURCE_UNREADABLE */
function jsonOf(file: string, read: (value: unknown) => Found | null, what: string): Found {
  let value: unknown
  try {
    value = JSON.parse(textOf(file))
  } catch (error) {
    // The parser's message quotes the text, which may hold private keys.
    throw error instanceof AppError ? error : unreadable(file, 'it is not JSON')
  }
  const found = read(value)
  if (found === null) throw unreadable(file, `it is not what ${what}`)
  return found
}

function unreadable(file: string, why: string): AppError {
  const name = file === '-' ? 'standard input' : file
  return new AppError('SOURCE_UNREADABLE', `cannot use ${name}: ${why}`, { exitCode: EXIT.usage })
}

/** @throws AppError OUTPUT_FAILED */
function writeNew(path: string, content: string): void {
  try {
    writeFileSync(path, content, { flag: 'wx' })
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST'
    throw new AppError(
      'OUTPUT_FAILED',
      `cannot write ${path}: ${isThere ? 'it exists already' : messageOf(error)}`,
      isThere
        ? { hint: `To add to it: --catalog ${path}, and another --output.`, exitCode: EXIT.usage }
        : {},
    )
  }
}
