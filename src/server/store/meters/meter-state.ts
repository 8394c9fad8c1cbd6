/** What the tables of a meter do not have: an engine that forgets meters between batches keeps it as a text. */
import type { EndedRun, GoingLoss } from './losses.js'
import type { Meter } from './meter.js'

interface State {
  readonly spoolId: string
  readonly historyUs: number
  readonly going: readonly (readonly [reason: string, losses: GoingLoss[]])[]
  readonly ended: readonly (readonly [startUs: number, run: EndedRun])[]
  readonly placed: { readonly runUs: number; readonly places: readonly string[] }
  /** The packets that each spool's run had dropped. */
  readonly dropped: readonly (readonly [spoolId: string, packets: number | null])[]
}

export function stateOf({ spoolId, historyUs, going, ended, placed, lives }: Meter): string {
  const state: State = {
    spoolId,
    historyUs,
    going: [...going],
    ended: [...ended],
    placed: { runUs: placed.runUs, places: [...placed.places] },
    dropped: [...lives.values()].map((life) => [life.spoolId, life.packetsDropped]),
  }
  return JSON.stringify(state)
}

/** Completes a meter that was loaded from the tables. */
export function restore(meter: Meter, text: string): void {
  const { spoolId, historyUs, going, ended, placed, dropped } = JSON.parse(text) as State
  meter.spoolId = spoolId
  meter.historyUs = historyUs
  for (const [reason, losses] of going) meter.going.set(reason, losses)
  for (const [startUs, run] of ended) meter.ended.set(startUs, run)
  meter.placed = { runUs: placed.runUs, places: new Set(placed.places) }
  for (const [spool, packets] of dropped) {
    const life = meter.lives.get(spool)
    if (life !== undefined) life.packetsDropped = packets
  }
}
