/** The catalog's logging rules, by epoch: for clients, for resources, and for prefixes (the longest one decides). */
import type { CatalogLists } from '../../session/catalog.js'
import { bothFields, type LogFields, type LogLevel, strictest } from '../../session/log-rule.js'
import { PrefixTimelines } from './prefix-timelines.js'
import { Timeline } from './timeline.js'

export interface LogRule {
  readonly log: LogLevel
  readonly fields: LogFields
}

export const KEEP_ALL: LogRule = { log: 'full', fields: {} }

type Ruled = { readonly log?: LogLevel | undefined; readonly fields?: LogFields | undefined }

/** Joins rules that apply together: the strictest level, and all field rules. */
export function together(rules: readonly (LogRule | null)[]): LogRule {
  let all = KEEP_ALL
  for (const rule of rules) {
    if (rule === null || rule === KEEP_ALL) continue
    all =
      all === KEEP_ALL
        ? rule
        : { log: strictest(all.log, rule.log), fields: bothFields(all.fields, rule.fields) }
  }
  return all
}

export class LogRules {
  readonly #clients = new Map<number, Timeline<LogRule>>()
  readonly #resources = new Map<number, Timeline<LogRule>>()
  readonly #prefixes = new PrefixTimelines<LogRule>(sameRule)
  #isEmpty = true

  /** True if no session that is open, or opens from now on, can have a rule. */
  get isEmpty(): boolean {
    return this.#isEmpty
  }

  replace({ clients, resources, prefixes = [] }: CatalogLists, epoch: number): void {
    replaceIn(
      this.#clients,
      byId(clients, ({ clientId }) => clientId),
      epoch,
    )
    replaceIn(
      this.#resources,
      byId(resources, ({ siteResourceId }) => siteResourceId),
      epoch,
    )
    this.#prefixes.replace(epoch, (add) => {
      for (const entry of prefixes) add(entry.prefix, () => ruleOf(entry))
    })
    // Never set it to true here: open sessions may have earlier rules until forgetBefore() removes those.
    if (this.#count() > 0) this.#isEmpty = false
  }

  ofClient(clientId: number | null, epoch: number): LogRule | null {
    return clientId === null ? null : (this.#clients.get(clientId)?.at(epoch) ?? null)
  }

  ofResource(siteResourceId: number | null, epoch: number): LogRule | null {
    return siteResourceId === null ? null : (this.#resources.get(siteResourceId)?.at(epoch) ?? null)
  }

  /** The rule of the longest prefix, so a narrower prefix may keep sessions that a wider one drops. */
  ofAddress(ip: string, epoch: number): LogRule | null {
    return this.#prefixes.firstMatch(ip, (timeline) => timeline.at(epoch))
  }

  /** @returns how many past values are left */
  forgetBefore(epoch: number): number {
    let past = this.#prefixes.forgetBefore(epoch)
    for (const rules of [this.#clients, this.#resources])
      for (const [id, timeline] of rules) {
        if (!timeline.forgetBefore(epoch)) rules.delete(id)
        past += timeline.pastCount
      }
    this.#isEmpty = this.#count() + past === 0
    return past
  }

  #count(): number {
    return this.#clients.size + this.#resources.size + this.#prefixes.size
  }
}

function ruleOf({ log = 'full', fields = {} }: Ruled): LogRule {
  return log === 'full' && Object.keys(fields).length === 0 ? KEEP_ALL : { log, fields }
}

/** One rule for each id, because a resource may have several entries. Rules that keep everything are left out. */
function byId<T extends Ruled>(entries: Iterable<T>, idOf: (entry: T) => number) {
  const rules = new Map<number, LogRule>()
  for (const entry of entries) {
    const rule = ruleOf(entry)
    if (rule === KEEP_ALL) continue
    const id = idOf(entry)
    rules.set(id, together([rules.get(id) ?? null, rule]))
  }
  return rules
}

function replaceIn(
  timelines: Map<number, Timeline<LogRule>>,
  next: ReadonlyMap<number, LogRule>,
  epoch: number,
): void {
  for (const [id, timeline] of timelines) if (!next.has(id)) timeline.set(null, epoch)
  for (const [id, rule] of next) {
    const timeline = timelines.get(id)
    if (timeline === undefined) timelines.set(id, new Timeline(rule, epoch))
    else if (timeline.latest === null || !sameRule(timeline.latest, rule)) timeline.set(rule, epoch)
  }
}

function sameRule(a: LogRule, b: LogRule): boolean {
  const [x, y] = [a.fields, b.fields]
  return (
    a.log === b.log &&
    x.address === y.address &&
    x.port === y.port &&
    x.endpoint === y.endpoint &&
    x.publicKey === y.publicKey
  )
}
