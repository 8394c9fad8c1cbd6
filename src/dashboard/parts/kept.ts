/** What the catalog lets the meters keep of sessions, in words (docs/wireguard.md, "What is kept"). */
import { maskOf, parsePrefix } from '../../session/address.js'
import type { Catalog } from '../../session/catalog.js'
import type { Entity } from '../state/entity.js'
import { common } from '../texts/common.js'

type Ruled = Pick<Catalog['clients'][number], 'log' | 'fields'>

export function keptText({ log = 'full', fields = {} }: Ruled): string {
  const rules = Object.entries(fields).map(([field, how]) => `${field}: ${how}`)
  return [common().kept[log], ...rules].join(', ')
}

/** An entry of the catalog of whose sessions less than all is kept. */
export interface Less {
  /** `Prefix Guests (10.30.0.0/16)` */
  readonly of: string
  readonly kept: string
}

/** The rules that hold for sessions of a client, a user's clients, or a resource; those of who is at the other end hold, too. */
export function lessKept({ kind, id }: Entity, catalog: Catalog): readonly Less[] {
  const clients = catalog.clients.filter((one) =>
    kind === 'client' ? String(one.clientId) === id : kind === 'user' && one.userId === id,
  )
  const resources = catalog.resources.filter(
    (one) => kind === 'resource' && String(one.siteResourceId) === id,
  )
  const addresses = [
    ...clients.flatMap((one) => one.addresses),
    ...resources.map(({ destination }) => destination),
  ]
  const prefixes = (catalog.prefixes ?? []).filter(({ prefix }) =>
    addresses.some((address) => overlap(prefix, address)),
  )
  return [
    ...clients.map((one) => less(common().called.client(one.name), one)),
    ...resources.map((one) => less(common().called.resource(one.name), one)),
    ...prefixes.map((one) => less(common().prefix(one.name, one.prefix), one)),
  ].flatMap((one) => one ?? [])
}

function less(of: string, rule: Ruled): Less | null {
  const kept = keptText(rule)
  return kept === keptText({}) ? null : { of, kept }
}

function overlap(one: string, other: string): boolean {
  const [a, b] = [parsePrefix(one), parsePrefix(other)]
  if (a === null || b === null || a.family !== b.family) return false
  const length = Math.min(a.length, b.length)
  return a.words.every((word, i) => ((word ^ b.words[i]!) & maskOf(length - 32 * i)) === 0)
}
