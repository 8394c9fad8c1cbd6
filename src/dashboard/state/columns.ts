/** The columns of the log that the person chose, in their order; kept in the browser. The start is always the first. */
import { createStore } from './store.js'

export const COLUMN_NAMES = [
  ...(['outcome', 'resource', 'client', 'user', 'duration', 'sent', 'received'] as const),
  ...(['source', 'dest', 'protocol', 'site'] as const),
  ...(['goodputSent', 'goodputReceived', 'retransmits'] as const),
] as const
export type ColumnName = (typeof COLUMN_NAMES)[number]

/** In order of importance. */
export const DEFAULT_COLUMNS: readonly ColumnName[] = COLUMN_NAMES.slice(
  0,
  COLUMN_NAMES.indexOf('site'),
)

const STORAGE_KEY = 'tunmeter.columns'

function stored(): readonly ColumnName[] | null {
  try {
    const names = localStorage.getItem(STORAGE_KEY)?.split(',') ?? []
    const known = COLUMN_NAMES.filter((name) => names.includes(name))
    if (known.length === 0) return null
    return known.sort((a, b) => names.indexOf(a) - names.indexOf(b))
  } catch {
    return null
  }
}

/** Null: nothing was chosen, so the columns are DEFAULT_COLUMNS. */
export const chosenColumns = createStore(stored())

export function chooseColumns(names: readonly ColumnName[] | null): void {
  const usual = names === null || names.join() === DEFAULT_COLUMNS.join()
  try {
    if (usual) localStorage.removeItem(STORAGE_KEY)
    else localStorage.setItem(STORAGE_KEY, names.join())
  } catch {
    // Storage is off: the choice lasts until the page is reloaded.
  }
  chosenColumns.set(usual ? null : names)
}
