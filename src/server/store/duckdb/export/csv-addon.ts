/** The C++ part of CSV exports (native/addon/csv_lines.h). */
import { requireAddon } from '../../../../base/addon.js'

/** The type of a column's values: 8, 2, 1 or 16 bytes each. */
export type NativeType = 'int64' | 'uint16' | 'uint8' | 'text'

/** The cells of a line; `columns` are indices. Constants, words and names must be CSV cells already. */
export type NativeCell = { readonly columns: readonly number[] } & (
  | { readonly kind: 'constant'; readonly text: string }
  /** The cell of a NULL is empty, also of words. */
  | { readonly kind: 'number' | 'text' | 'flag' }
  /** Words of an ENUM, in order. */
  | { readonly kind: 'word'; readonly words: readonly string[] }
  /**
   * Columns: the start in µs; endTime: start and duration in µs; duration: duration in µs and a flag, which empties
   * it.
   */
  | { readonly kind: 'second' | 'time' | 'endTime' | 'duration' }
  /** Address and port; run and sequence. */
  | { readonly kind: 'endpoint' | 'sessionId' }
  /** Columns: protocol, source address, source port, destination address, destination port. */
  | { readonly kind: 'communityId'; readonly words: readonly string[] }
  | { readonly kind: 'name'; readonly ids: readonly number[]; readonly names: readonly string[] }
  | {
      readonly kind: 'textName'
      readonly ids: readonly string[]
      readonly names: readonly string[]
    }
)

export interface NativeCsvLines {
  /**
   * Makes complete lines, which the caller owns.
   * @param values each column's memory, of its type
   * @param masks one bit for each row, 1 if it has a value; null: all rows have one
   * @param owner owns this memory, and must live until the call returns
   * @throws TypeError if a column has fewer rows, or a code has no word
   */
  write(
    rows: number,
    values: readonly ArrayBufferView[],
    masks: readonly (ArrayBufferView | null)[],
    owner: unknown,
  ): Uint8Array
}

interface CsvAddon {
  /** @throws TypeError if a cell's columns do not have the types that its kind reads */
  readonly CsvLines: new (
    types: readonly NativeType[],
    cells: readonly NativeCell[],
  ) => NativeCsvLines
}

let loaded: CsvAddon | undefined

/** @throws AppError ADDON_MISSING, ADDON_BROKEN */
export function csvAddon(): CsvAddon {
  loaded ??= requireAddon('tunmeter_csv') as CsvAddon
  return loaded
}
