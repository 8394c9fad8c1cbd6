/** The manifest of an exported file, beside it or as its last line: content, range, known losses, and hash. */
import { z } from 'zod'

export const MANIFEST_VERSION = 1

export const manifestSchema = z.object({
  manifest: z.literal(MANIFEST_VERSION),
  org: z.string(),
  format: z.string(),
  /** Null: any time. */
  range: z.object({ from: z.string(), to: z.string() }).nullable(),
  filters: z.array(z.string()),
  /** The header of CSV; null for other formats. */
  columns: z.array(z.string()).nullable(),
  /** Null: not counted (a Parquet file contains the number). */
  rows: z.int().nullable(),
  bytes: z.int(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  askedAt: z.string(),
  askedBy: z.object({ keyId: z.string(), name: z.string() }),
  /** A server that writes the manifest itself does not know by which URL it was asked: null. */
  server: z.object({ url: z.string().nullable(), version: z.string() }),
  /**
   * The server's answer just before the export. All data acknowledged by then is in the file. Null:
   * no range.
   */
  completeness: z.looseObject({ complete: z.boolean(), sentence: z.string() }).nullable(),
})
export type Manifest = z.output<typeof manifestSchema>
