/** The part of CSV that is C++ (native/addon/csv_lines.h). */
import { requireAddon } from '../../../../base/addon.js'

/** What a value of a column takes: 8, 2, 1 and 16 bytes. */
export type NativeType = 'int64' | 'uint16' | 'uint8' | 'text'

/** Cells of a line, with their columns by number. What is text here is written as it is. */
export type NativeCell = { readonly columns: readonly number[] } & (
  | { readonly kind: 'constant'; readonly text: string }
  /** A number's cell is empty where it is NULL; so are words, texts and flags. */
  | { readonly kind: 'number' | 'text' | 'flag' }
  /** Words of an ENUM, in order. */
  | { readonly kind: 'word'; readonly words: readonly string[] }
  /** Of a start in microseconds; with the duration: the end; then with a flag: none while it is set. */
  | { readonly kind: 'second' | 'time' | 'endTime' | 'duration' }
  /** Address and port; run and sequence. */
  | { readonly kind: 'endpoint' | 'sessionId' }
  /** Protocol, source address and port, destination's. */
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
   * Whole lines, which the caller owns.
   * @param values memory of each column, of its type
   * @param masks a bit for each row, 1 where it has a value; null: all have
   * @param owner whose memory it is: it must live until this returns
   * @throws TypeError when a column has not so many rows, or a code no word
   */
  write(
    rows: number,
    values: readonly ArrayBufferView[],
    masks: readonly (ArrayBufferView | null)[],
    owner: unknown,
  ): Uint8Array
}

interface CsvAddon {
  /** @throws TypeError when a cell's columns are not of the types that its kind reads */
  readonly CsvLines: new (
    types: readonly NativeType[],
    cells: readonly NativeCell[],
  ) => NativeCsvLines
}

let loaded: CsvAddon | undefined

/** Throws AppError ADDON_MISSING, ADDON_BROKEN. */
export function csvAddon(): CsvAddon {
  loaded ??= requireAddon('tunmeter_csv') as CsvAddon
  return loaded
}
