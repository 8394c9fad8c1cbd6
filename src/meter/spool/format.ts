/**
 * The format of a spool directory. Version 1.
 *
 *   DIR/lock          held (flock) by the one meter that uses the directory; its content names the process
 *   DIR/meter.json    { version, meterId, unsent }: must survive a damaged data file
 *   DIR/reserve       1 MiB that is deleted when the disk is full, because LMDB needs space even to delete batches
 *   DIR/ran.0.json    when the meter last ran, and the counters of its interfaces then; takes turns with ran.1.json
 *   DIR/data.mdb      LMDB environment with the five databases below; LMDB keeps its locks in lock.mdb beside it
 *   DIR/damaged-TIME/ a data.mdb that could not be read, kept for inspection (the newest two)
 *
 *   batches, aside    batch number -> BatchEntry as JSON
 *   bodies            batch number -> the request's body: gzip of a Batch as JSON, ready to send
 *   gaps              sequence     -> BatchGap as JSON: losses that no committed batch carries
 *   meta              name         -> JSON: version, meterId, spoolId, firstBatch, nextBatch, target, touched
 *
 * `batches` holds the batches that wait to be sent. `aside` is the quarantine: batches that the server refused and
 * that wait for an operator. A number is in one of the two and has its body in `bodies`, or it is in none of the three.
 *
 * Promises
 *   1. append() resolves after the batch, its number and its gaps are on disk (one transaction, fsync).
 *   2. Each (spoolId, number) is used once: nextBatch is in the same transaction, and a new data file has a new random
 *      spoolId. A restored or copied file begins with a spoolId that is in use. The server then reports a conflict,
 *      because the checksums differ, and renumber() gives the file a new spoolId.
 *   3. Every body is checked (CRC-32, IEEE) at each start, and again before it is sent.
 * LMDB never overwrites a page of the last committed state, so that state survives a crash or a power cut
 * (test/faults/power-cut.ts).
 */
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import type { BatchGap } from '../../session/batch.js'
import { ORG_ID, SITE_ID_MAX } from '../../session/bounds.js'

export const SPOOL_VERSION = 1

/** The spool's bounds count whole pages, because LMDB stores large values in whole pages. */
const PAGE_BYTES = 4096

/** The series that batch numbers belong to. Null for a replay, whose numbers follow from its files. */
export interface Life {
  readonly spoolId: string
  readonly firstBatch: number
}

export interface BatchEntry {
  readonly sessions: number
  /** Absent: none. */
  readonly peerEvents?: number
  /** Span of the sessions, microseconds since the epoch; both 0 for a batch without sessions. */
  readonly fromUs: number
  readonly toUs: number
  readonly madeAtMs: number
  /** Length of the body. */
  readonly bytes: number
  /** Length of the JSON before gzip. */
  readonly textBytes: number
  /** CRC-32 (IEEE) of the body. */
  readonly crc: number
  /** The gaps in the body: they become pending again when the batch is dropped. */
  readonly gaps: readonly BatchGap[]
  /** The body's spoolId; absent in batches of a replay or of a version before 0.2. */
  readonly spoolId?: string
  /** The server had another batch under its identity, so it was made again under a new spoolId. */
  readonly renumbered?: true
  /** Set in the quarantine. */
  readonly refusal?: Refusal
}

export interface Refusal {
  readonly atMs: number
  readonly status: number
  readonly reason: string
  /**
   * The server stored the batch without these sessions, so the body holds only them. Resending makes a new batch.
   */
  readonly records?: true
}

const gapSchema = z.object({
  reason: z.string(),
  sessions: z.number(),
  spoolId: z.string().optional(),
  fromBatch: z.number().optional(),
  toBatch: z.number().optional(),
  from: z.string(),
  to: z.string(),
  interface: z.string().optional(),
  bytes: z.number().optional(),
  peers: z.array(z.object({ publicKey: z.string(), bytes: z.number() })).optional(),
})

const refusalSchema = z.object({
  atMs: z.number(),
  status: z.number(),
  reason: z.string(),
  records: z.literal(true).optional(),
})

const entrySchema = z.object({
  sessions: z.number(),
  peerEvents: z.number().optional(),
  fromUs: z.number(),
  toUs: z.number(),
  madeAtMs: z.number(),
  bytes: z.number(),
  textBytes: z.number(),
  crc: z.number(),
  gaps: z.array(gapSchema),
  spoolId: z.string().optional(),
  renumbered: z.literal(true).optional(),
  refusal: refusalSchema.optional(),
  /** The name of `refusal` in files of versions before 0.2. */
  aside: refusalSchema.optional(),
})

/** Null when the value is no entry, which means that the file is damaged. */
export function parseEntry(value: unknown): BatchEntry | null {
  const parsed = entrySchema.safeParse(value)
  if (!parsed.success) return null
  const { aside, ...entry } = parsed.data
  return (aside === undefined ? entry : { ...entry, refusal: aside }) as BatchEntry
}

export function bodyMatches(entry: BatchEntry, body: Uint8Array | undefined): body is Uint8Array {
  return body !== undefined && body.length === entry.bytes && crc32(body) === entry.crc
}

/** Disk space of a batch with its entry. */
export function diskBytes(entry: Pick<BatchEntry, 'bytes'>): number {
  return Math.ceil((entry.bytes + 512) / PAGE_BYTES) * PAGE_BYTES
}

/** The destination from the server's answer to `GET /api/v1/key`, kept for starts while the server is away. */
const targetSchema = z.object({
  url: z.string(),
  /** SHA-256 of the key: the destination holds for this key only. */
  keyHash: z.string(),
  orgId: z.string().regex(ORG_ID),
  siteId: z.int().min(1).max(SITE_ID_MAX),
})
export type Target = Readonly<z.infer<typeof targetSchema>>

/** Null when the value is invalid, as versions before 0.2 could store it. The meter then asks the server again. */
export function parseTarget(value: unknown): Target | null {
  const parsed = targetSchema.safeParse(value)
  return parsed.success ? parsed.data : null
}

/** meter.json */
export const identitySchema = z.object({
  version: z.literal(SPOOL_VERSION),
  /** Wider than METER_ID, because versions before 0.2 did not check --meter-id and their files must stay readable. */
  meterId: z.string().min(1).max(128),
  /** The waiting sessions and their span, as of the last save: the loss if the data file is damaged. */
  unsent: z.object({ sessions: z.number(), fromUs: z.number(), toUs: z.number() }),
})
export type Identity = z.infer<typeof identitySchema>

/** The entry of a made batch. */
export function entryOf(
  made: {
    readonly body: Uint8Array
    readonly textBytes: number
    readonly sessions: number
    readonly peerEvents: number
    readonly fromUs: number
    readonly toUs: number
  },
  gaps: readonly BatchGap[],
  madeAtMs: number,
  life: Life | null,
): BatchEntry {
  return {
    sessions: made.sessions,
    ...(made.peerEvents > 0 && { peerEvents: made.peerEvents }),
    fromUs: made.fromUs,
    toUs: made.toUs,
    madeAtMs,
    bytes: made.body.length,
    textBytes: made.textBytes,
    crc: crc32(made.body),
    gaps,
    ...(life !== null && { spoolId: life.spoolId }),
  }
}
