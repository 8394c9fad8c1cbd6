/** Entities with a page of their own: `/client/7`, `/user/ada`, `/resource/4`, `/site/3`. */
import { percentDecoded } from '../../base/percent-decoded.js'
import type { FilterName } from './filters.js'
import { pageHref } from './page-href.js'

export const ENTITY_KINDS = ['client', 'user', 'resource', 'site'] as const
export type EntityKind = (typeof ENTITY_KINDS)[number]

export interface Entity {
  readonly kind: EntityKind
  readonly id: string
}

export const ENTITY_FILTERS = {
  client: 'clientId',
  user: 'userId',
  resource: 'siteResourceId',
  site: 'siteId',
} as const satisfies Readonly<Record<EntityKind, FilterName>>

/** Null: the path is no entity's page. */
export function entityOf(path: string): Entity | null {
  const [, word, text] = /^\/(\w+)\/(.+)$/.exec(path) ?? []
  const kind = ENTITY_KINDS.find((one) => one === word)
  if (kind === undefined || text === undefined) return null
  const id = percentDecoded(text)
  return id === undefined ? null : { kind, id }
}

export function entityPath({ kind, id }: Entity): string {
  return `/${kind}/${encodeURIComponent(id)}`
}

/** The id of the destination that a path shows; null: another page. */
export function destinationOf(path: string): string | null {
  return /^\/destination\/([\w-]+)$/.exec(path)?.[1] ?? null
}

export function destinationHref(id: string): string {
  return pageHref(`/destination/${id}`)
}

/** A link to the entity's page. It keeps organisation and time range. */
export function entityHref(entity: Entity): string {
  return pageHref(entityPath(entity))
}
