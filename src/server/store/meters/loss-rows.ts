/**
 * The losses of a transaction that have no batch number, as rows of batch_gap. A batch may report a thousand that extend
 * one another: they cost one row, not a statement each.
 */
import { isoToUs } from '../../../base/instant.js'
import type { BatchGap } from '../../../session/batch.js'
import { literal } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import { inOrder } from './lives.js'
import { type GoingLoss, goesOn } from './losses.js'
import type { Meter } from './meter.js'
import { detailOf, idOf, whereIs } from './meter-sql.js'

interface LossRow {
  readonly meter: Meter
  readonly reason: string
  /** The row's values in the table; null: it is a new row. */
  readonly was: Readonly<GoingLoss> | null
  detail: string
}

export class LossRows {
  readonly #rowId: 'rowid' | 'ctid'
  /** By the loss, whose last values are written. */
  readonly #rows = new Map<Readonly<GoingLoss>, LossRow>()
  /** Statements that delete rows of earlier transactions. */
  #deletes: string[] = []

  constructor(rowId: 'rowid' | 'ctid') {
    this.#rowId = rowId
  }

  add(meter: Meter, given: BatchGap): void {
    const gap = inOrder(given)
    const { loss, was } = goesOn(meter.going, gap) ?? { loss: spanOf(gap), was: null }
    const row = this.#rows.get(loss)
    if (row !== undefined) row.detail = detailOf(loss)
    else {
      const detail = detailOf(was === null ? gap : loss)
      this.#rows.set(loss, { meter, reason: gap.reason, was, detail })
    }
  }

  /**
   * Puts a loss in place of those of its reason that began at the same time and ended no later: what earlier reports of
   * the run told, in the table and in this transaction. Two spools may report in turns, and must not add a row each time.
   * @param loss null: none is left
   */
  replace(
    meter: Meter,
    span: Pick<BatchGap, 'reason' | 'from' | 'to'>,
    loss: BatchGap | null,
  ): void {
    const { reason, from, to } = inOrder(span)
    const [fromUs, toUs] = [isoToUs(from), isoToUs(to)]
    for (const [one, row] of this.#rows)
      if (row.meter === meter && row.reason === reason && one.fromUs === fromUs && one.toUs <= toUs)
        this.#rows.delete(one)
    this.#deletes.push(
      `DELETE FROM batch_gap WHERE ${whereIs(meter)} AND reason = ${literal(reason)} AND from_batch IS NULL
         AND from_us = ${int(fromUs)} AND to_us <= ${int(toUs)}`,
    )
    if (loss !== null) this.add(meter, loss)
  }

  forget(meter: Meter): void {
    for (const [loss, row] of this.#rows) if (row.meter === meter) this.#rows.delete(loss)
  }

  clear(): void {
    this.#rows.clear()
    this.#deletes = []
  }

  takeStatements(): string[] {
    const fresh: string[] = []
    const statements = this.#deletes
    for (const [loss, row] of this.#rows) {
      if (row.was === null) fresh.push(valuesOf(loss, row))
      else statements.push(this.#extendSql(loss, row, row.was))
    }
    this.clear()
    if (fresh.length > 0) statements.push(`INSERT INTO batch_gap VALUES ${fresh.join(', ')}`)
    return statements
  }

  /** Changes one row, because an earlier process may have left a loss with the same values. */
  #extendSql(
    loss: Readonly<GoingLoss>,
    { meter, reason, detail }: LossRow,
    was: GoingLoss,
  ): string {
    return `UPDATE batch_gap SET from_us = ${int(loss.fromUs)}, to_us = ${int(loss.toUs)}, sessions = ${int(loss.sessions)}, detail = ${detail}
       WHERE ${this.#rowId} = (SELECT max(${this.#rowId}) FROM batch_gap WHERE ${whereIs(meter)} AND reason = ${literal(reason)}
         AND from_us = ${int(was.fromUs)} AND to_us = ${int(was.toUs)} AND sessions = ${int(was.sessions)} AND from_batch IS NULL)`
  }
}

function spanOf({ from, to, sessions }: BatchGap): GoingLoss {
  return { fromUs: isoToUs(from), toUs: isoToUs(to), sessions }
}

function valuesOf(loss: Readonly<GoingLoss>, { meter, reason, detail }: LossRow): string {
  const [fromUs, toUs, sessions] = [loss.fromUs, loss.toUs, loss.sessions].map(int)
  return `(${idOf(meter)}, NULL, NULL, ${literal(reason)}, ${sessions}, ${fromUs}, ${toUs}, '', ${detail})`
}
