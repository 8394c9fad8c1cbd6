/**
 * Carries collection rules over a catalog import. Other systems have no such rules, so an import
 * must not remove them.
 */
import type { Catalog } from './catalog.js'
import { bothFields, strictest } from './log-rule.js'

/** @returns the new catalog, with the old one's rules for the same ids, and its prefixes */
export function carryRules(before: Catalog, after: Catalog): Catalog {
  const prefixes = after.prefixes ?? before.prefixes
  return {
    ...after,
    clients: carried(before.clients, after.clients, ({ clientId }) => String(clientId)),
    resources: carried(before.resources, after.resources, (r) => String(r.siteResourceId)),
    ...(prefixes !== undefined && { prefixes }),
  }
}

type Ruled = Pick<Catalog['clients'][number], 'log' | 'fields'>

/**
 * If several entries have the same id, each of them gets all rules of that id, because an import
 * may divide entries differently.
 */
function carried<T extends Ruled>(before: T[], after: T[], idOf: (entry: T) => string): T[] {
  const rules = new Map<string, Ruled>()
  for (const entry of before) {
    const { log, fields } = entry
    if (log === undefined && fields === undefined) continue
    const known = rules.get(idOf(entry))
    rules.set(idOf(entry), {
      log: strictestOf(known?.log, log),
      fields: bothOf(known?.fields, fields),
    })
  }
  return after.map((entry) => {
    const rule = rules.get(idOf(entry))
    if (rule === undefined || entry.log !== undefined || entry.fields !== undefined) return entry
    const { log, fields } = rule
    return { ...entry, ...(log && { log }), ...(fields && { fields }) }
  })
}

function strictestOf(a: Ruled['log'], b: Ruled['log']): Ruled['log'] {
  return a === undefined || b === undefined ? (a ?? b) : strictest(a, b)
}

function bothOf(a: Ruled['fields'], b: Ruled['fields']): Ruled['fields'] {
  return a === undefined || b === undefined ? (a ?? b) : bothFields(a, b)
}
