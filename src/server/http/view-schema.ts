/** A saved view, as the API answers it. */
import { z } from 'zod'

export const viewSchema = z.object({
  id: z.string(),
  name: z.string(),
  query: z.string(),
  savedAt: z.iso.datetime(),
})
export type SavedView = z.output<typeof viewSchema>
