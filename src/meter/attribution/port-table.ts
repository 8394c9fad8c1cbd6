/**
 * The resources of one destination, by port. For each protocol the ports are cut into ranges with one resource each, and
 * a lookup is a binary search. Searching a list would cost each session one step for each rule of the destination (up to
 * 100,000). The first lookup after a rule was added cuts the ranges.
 */
import type { Protocol } from '../../session/session.js'

export interface PortRule {
  readonly siteResourceId: number
  /** Null means any. */
  readonly protocol: Protocol | null
  /** First and last port, both inclusive. */
  readonly low: number
  readonly high: number
}

interface Ranges {
  /** First port of each range, ascending. */
  readonly starts: readonly number[]
  readonly resources: readonly (number | null)[]
}

const PORTS = 65_536

export class PortTable {
  readonly #rules: PortRule[] = []
  #ranges: Readonly<Record<Protocol, Ranges>> | null = null

  add(rule: PortRule): void {
    this.#rules.push(rule)
    this.#ranges = null
  }

  /** The resource of the most specific rule: a given protocol, then the narrowest range, then the lowest id. */
  resourceOf(port: number, protocol: Protocol): number | null {
    this.#ranges ??= this.#cut()
    const { starts, resources } = this.#ranges[protocol]
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (starts[middle]! <= port) low = middle
      else high = middle - 1
    }
    return resources[low]!
  }

  /** The only resource whose rules fit this protocol; null if there are none or several. */
  only(protocol: Protocol): number | null {
    let found: number | null = null
    for (const rule of this.#rules) {
      if ((rule.protocol ?? protocol) !== protocol || rule.siteResourceId === found) continue
      if (found !== null) return null
      found = rule.siteResourceId
    }
    return found
  }

  sameRules(other: PortTable): boolean {
    const [rules, others] = [this.#rules, other.#rules]
    if (rules.length !== others.length) return false
    // A lookup has sorted this table's rules, so the other table's must be sorted to compare.
    if (this.#ranges !== null) others.sort(mostSpecificFirst)
    return rules.every((rule, i) => sameRule(rule, others[i]!))
  }

  #cut(): Record<Protocol, Ranges> {
    const rules = this.#rules.sort(mostSpecificFirst)
    const of = (protocol: Protocol) =>
      cutIntoRanges(rules.filter((rule) => (rule.protocol ?? protocol) === protocol))
    return { tcp: of('tcp'), udp: of('udp') }
  }
}

function sameRule(a: PortRule, b: PortRule): boolean {
  return (
    a.siteResourceId === b.siteResourceId &&
    a.protocol === b.protocol &&
    a.low === b.low &&
    a.high === b.high
  )
}

function mostSpecificFirst(a: PortRule, b: PortRule): number {
  const protocolFirst = Number(a.protocol === null) - Number(b.protocol === null)
  const width = a.high - a.low - (b.high - b.low)
  return protocolFirst || width || a.siteResourceId - b.siteResourceId
}

/** Gives each range to the first rule that covers it. Each range is given once, even if many rules cover it. */
function cutIntoRanges(rules: readonly PortRule[]): Ranges {
  const bounds = new Set([0])
  for (const { low, high } of rules) {
    bounds.add(low)
    if (high + 1 < PORTS) bounds.add(high + 1)
  }
  const starts = [...bounds].sort((a, b) => a - b)
  const at = new Map(starts.map((start, i) => [start, i]))
  const resources = new Array<number | null>(starts.length).fill(null)
  // free[i] leads to the first free range at or after i (union-find with path halving).
  const free = Int32Array.from({ length: starts.length + 1 }, (_, i) => i)
  const nextFree = (from: number): number => {
    let i = from
    while (free[i] !== i) i = free[i] = free[free[i]!]!
    return i
  }
  for (const { low, high, siteResourceId } of rules) {
    const end = at.get(high + 1) ?? starts.length
    for (let i = nextFree(at.get(low)!); i < end; i = nextFree(i)) {
      resources[i] = siteResourceId
      free[i] = i + 1
    }
  }
  return { starts, resources }
}
