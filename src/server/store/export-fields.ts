import { FIELDS } from '../../session/fields.js'

/** The fields of a CSV or Parquet export. */
export const EXPORT_FIELDS: readonly string[] = [
  ...FIELDS.map((field) => field.name),
  'interrupted',
  'userEmail',
]
