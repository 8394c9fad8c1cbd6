/** The manifest beside an exported file: content, range, known losses, and hash. */
import { z } from 'zod'

export const MANIFEST_VERSION = 1

export const manifestSchema = z.object({
  manifest: z.literal(MANIFEST_VERSION),
  org: z.string(),
  format: z.string(),
  /** Null: of any time. */
  range: z.object({ from: z.string(), to: z.string() }).nullable(),
  filters: z.array(z.string()),
  /** Of CSV, its header. */
  columns: z.array(z.string()).nullable(),
  /** Null: not counted (Parquet has the number in itself). */
  rows: z.int().nullable(),
  bytes: z.int(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  askedAt: z.string(),
  askedBy: z.object({ keyId: z.string(), name: z.string() }),
  server: z.object({ url: z.string(), version: z.string() }),
  /** As the server answered just before: what was acknowledged by then is in the file. Null: of any time. */
  completeness: z.looseObject({ complete: z.boolean(), sentence: z.string() }).nullable(),
})
export type Manifest = z.output<typeof manifestSchema>
