/**
 * What a spool directory holds. Version 1.
 *
 *   DIR/lock          held (flock) by the one meter that uses the directory; its content says who
 *   DIR/meter.json    { version, meterId, unsent }: what must survive a damaged data file
 *   DIR/reserve       1 MiB that is given up when the disk is full, so that deleting still works
 *   DIR/ran.0.json    when the meter last ran, and the counters of its interfaces then; ran.1.json: the same, in turn
 *   DIR/data.mdb      LMDB environment, four databases (below); lock.mdb beside it
 *   DIR/damaged-TIME/ a data.mdb that could not be read, kept for inspection (the newest two)
 *
 *   batches, aside    batch number -> BatchEntry as JSON
 *   bodies            batch number -> the request's body: gzip of a Batch as JSON, ready to send
 *   gaps              sequence     -> BatchGap as JSON: losses that no batch has carried yet
 *   meta              name         -> JSON: version, spoolId, firstBatch, nextBatch, target, touched
 *
 * `batches` waits to be sent; `aside` is the quarantine: the server refused it, and it waits for an operator. A number is in one of
 * them and has its body in `bodies`, or in neither.
 *
 * Promises
 *   1. append() resolves after the batch, its number and the gaps it carries are on disk (one transaction, fsync).
 *   2. (spoolId, number) is used once, ever: nextBatch is in that transaction, and a new data file has a new random
 *      spoolId. A file that was restored or copied begins with one that is in use; the server notices by the batch's
 *      checksum, and the file is given a new spoolId then (renumber()).
 *   3. Every body is checked (CRC-32, IEEE) at each start, and again before it is sent.
 * LMDB never writes over a page that a committed transaction uses, so a crash or a power cut leaves the last
 * committed state (test/faults/power-cut.ts).
 */
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import type { BatchGap } from '../../session/batch.js'
import { ORG_ID, SITE_ID_MAX } from '../../session/bounds.js'

export const SPOOL_VERSION = 1

/** LMDB stores large values in whole pages; the bound is about the disk, so it counts those. */
const PAGE_BYTES = 4096

/** Whose numbers a batch has; null: those of a replay, which follow from its files. */
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
  /** Of the body. */
  readonly bytes: number
  /** Of the JSON before gzip. */
  readonly textBytes: number
  /** CRC-32 (IEEE) of the body. */
  readonly crc: number
  /** Those that the body carries: they go back to the pending ones when the batch is dropped. */
  readonly gaps: readonly BatchGap[]
  /** In the body; absent in a replay's, and in those of before 0.2. */
  readonly spoolId?: string
  /** It had the number of another batch at the server, and was given a spoolId of its own. */
  readonly renumbered?: true
  /** Set when it was quarantined. */
  readonly refusal?: Refusal
}

export interface Refusal {
  readonly atMs: number
  readonly status: number
  readonly reason: string
  /** The batch was stored; only these sessions of it were refused. Resending makes a new batch of them. */
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
  /** Its name in files of before 0.2. */
  aside: refusalSchema.optional(),
})

/** Null when it is not an entry: the file is damaged there. */
export function parseEntry(value: unknown): BatchEntry | null {
  const parsed = entrySchema.safeParse(value)
  if (!parsed.success) return null
  const { aside, ...entry } = parsed.data
  return (aside === undefined ? entry : { ...entry, refusal: aside }) as BatchEntry
}

export function bodyMatches(entry: BatchEntry, body: Uint8Array | undefined): body is Uint8Array {
  return body !== undefined && body.length === entry.bytes && crc32(body) === entry.crc
}

/** What a batch takes on disk, entry included. */
export function diskBytes(entry: Pick<BatchEntry, 'bytes'>): number {
  return Math.ceil((entry.bytes + 512) / PAGE_BYTES) * PAGE_BYTES
}

/** Where batches go, as the server's answer to `GET /api/v1/key` said; remembered for when it is away. */
const targetSchema = z.object({
  url: z.string(),
  /** SHA-256 of the key, so that another key is asked about anew. */
  keyHash: z.string(),
  orgId: z.string().regex(ORG_ID),
  siteId: z.int().min(1).max(SITE_ID_MAX),
})
export type Target = Readonly<z.infer<typeof targetSchema>>

/** Null when it is none, as a version of before 0.2 could have kept: the server is asked again. */
export function parseTarget(value: unknown): Target | null {
  const parsed = targetSchema.safeParse(value)
  return parsed.success ? parsed.data : null
}

/** meter.json */
export const identitySchema = z.object({
  version: z.literal(SPOOL_VERSION),
  /** Wider than METER_ID: --meter-id was not checked before 0.2, and what was written must stay readable. */
  meterId: z.string().min(1).max(128),
  /** Sessions and batches waiting, at last count (every few seconds): the loss if the data file is damaged. */
  unsent: z.object({ sessions: z.number(), fromUs: z.number(), toUs: z.number() }),
})
export type Identity = z.infer<typeof identitySchema>

/** The entry of a made batch; `crc` is of the body as it will be read back. */
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
