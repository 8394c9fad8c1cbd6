/**
 * Access to a spool for `tunmeter spool`, also while a meter uses it. LMDB lets several processes read, and write in
 * turn. Each change here increments `touched` in `meta`, so that the meter counts again.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../base/errors.js'
import { type BatchEntry, bodyMatches, entryOf, parseEntry, type Refusal } from './format.js'
import { readIdentity } from './identity.js'
import { lifeIn } from './life.js'
import type { MakeBatch } from './spool.js'
import { openStoreFile, type StoreFile } from './store-file.js'

export interface ListedBatch {
  readonly number: number
  readonly entry: BatchEntry
}

/** Address space only, not disk: 2 TiB, because the map must hold the largest spool. */
const MAP_BYTES = 2 ** 41

export class SpoolInspector {
  readonly #store: StoreFile
  readonly meterId: string

  private constructor(store: StoreFile, meterId: string) {
    this.#store = store
    this.meterId = meterId
  }

  /** @throws AppError NO_SPOOL */
  static open(directory: string): SpoolInspector {
    const identity = existsSync(join(directory, 'data.mdb')) ? readIdentity(directory) : null
    if (identity === null) {
      throw new AppError('NO_SPOOL', `there is no spool in ${directory}`, {
        hint: 'Name the directory that the meter uses: --spool DIR.',
      })
    }
    return new SpoolInspector(openStoreFile(directory, MAP_BYTES), identity.meterId)
  }

  waiting(): ListedBatch[] {
    return list(this.#store.batches)
  }

  quarantined(): ListedBatch[] {
    return list(this.#store.quarantine)
  }

  /** @throws AppError NO_BATCH, BATCH_DAMAGED */
  read(number: number): { entry: BatchEntry; quarantined: boolean; body: Uint8Array } {
    const waiting = parseEntry(this.#store.batches.get(number))
    const entry = waiting ?? parseEntry(this.#store.quarantine.get(number))
    if (entry === null) throw noBatch(number)
    const body = this.#store.bodies.get(number)
    if (!bodyMatches(entry, body)) {
      throw new AppError('BATCH_DAMAGED', `batch ${number} is damaged: its checksum does not match`)
    }
    return { entry, quarantined: waiting === null, body }
  }

  /**
   * Moves a quarantined batch back to the waiting batches. A batch that the server stored in part is made again under
   * a new number by `remake`, because the server has its number; no meter may append batches meanwhile.
   * @returns the batch's number from now on
   */
  async resend(number: number, remake: (reason: Refusal) => MakeBatch | null): Promise<number> {
    const { entry, quarantined } = this.read(number)
    if (!quarantined || entry.refusal === undefined) throw noBatch(number)
    const { refusal: reason, ...plain } = entry
    const make = remake(reason)
    const next = Number(this.#store.meta.get('nextBatch'))
    const target = make === null ? number : next
    const life = lifeIn(this.#store)
    const made = make === null ? null : await make(next, [], life)
    await this.#store.write((w) => {
      w.remove(this.#store.quarantine, number)
      if (made !== null) {
        w.remove(this.#store.bodies, number)
        w.put(this.#store.bodies, next, Buffer.from(made.body))
        w.put(this.#store.meta, 'nextBatch', next + 1)
      }
      const moved = made === null ? plain : entryOf(made, [], entry.madeAtMs, life)
      w.put(this.#store.batches, target, moved)
      w.put(this.#store.meta, 'touched', this.#touched() + 1)
    })
    return target
  }

  /** Deletes a quarantined batch; its sessions are gone. */
  async drop(number: number): Promise<BatchEntry> {
    const entry = parseEntry(this.#store.quarantine.get(number))
    if (entry === null) throw noBatch(number)
    await this.#store.write((w) => {
      w.remove(this.#store.quarantine, number)
      w.remove(this.#store.bodies, number)
      w.put(this.#store.meta, 'touched', this.#touched() + 1)
    })
    return entry
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  #touched(): number {
    return Number(this.#store.meta.get('touched') ?? 0)
  }
}

function list(table: StoreFile['batches']): ListedBatch[] {
  return [...table.getRange()].flatMap(({ key, value }) => {
    const entry = parseEntry(value)
    return entry === null ? [] : [{ number: key, entry }]
  })
}

function noBatch(number: number): AppError {
  return new AppError('NO_BATCH', `there is no batch ${number}`, {
    hint: 'tunmeter spool ls lists the waiting and the quarantined batches.',
  })
}
