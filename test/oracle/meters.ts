/** What is under test: something that turns a capture file into records and counters. */
import { readFileSync } from 'node:fs'
import type { FlowRecord } from '../../src/session/session.js'
import type { Amount } from '../support/twin/amount.js'
import { readCapture } from '../support/twin/capture.js'
import { Twin } from '../support/twin/meter.js'
import type { OtherReason } from '../support/twin/reader.js'

export interface MeterRun {
  /** Interim and final records, in the order they came out. */
  readonly records: readonly FlowRecord[]
  readonly all: Amount
  readonly inSessions: Amount
  readonly other: Readonly<Record<OtherReason, Amount>>
  readonly pending: Amount
  /** Why reading ended before the end of the file. */
  readonly damage: string | null
}

export type Meter = (path: string) => Promise<MeterRun>

export const runTwin: Meter = async (path) => {
  const { packets, damage } = readCapture(readFileSync(path))
  const twin = new Twin()
  for (const packet of packets) twin.packet(packet)
  twin.finish()
  const { records, all, inSessions, other, pending } = twin
  return { records, all, inSessions, other, pending, damage: damage?.message ?? null }
}
