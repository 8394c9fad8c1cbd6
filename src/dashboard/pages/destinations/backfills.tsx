/** Backfills of a destination: each range of time, its progress, and a form that starts one. */

import { useState } from 'preact/hooks'
import {
  type Backfill,
  type Destination,
  startBackfill,
  stopBackfill,
} from '../../api/destinations.js'
import { DAY, formatDateTime } from '../../format/time.js'
import { Dialog } from '../../parts/dialog.js'
import { Fault } from '../../parts/fault.js'
import { rangeFaultText } from '../../parts/range-fault.js'
import { TimeFields, timesOf } from '../../parts/time-fields.js'
import { useAction } from '../../parts/use-action.js'
import { spanOfText } from '../../state/typed-range.js'
import { common } from '../../texts/common.js'
import { destinations as texts } from '../../texts/destinations.js'

interface Props {
  readonly orgId: string
  readonly destination: Destination
  readonly reload: () => void
}

export function Backfills({ orgId, destination, reload }: Props) {
  const [asking, setAsking] = useState(false)
  const { fault, run } = useAction()
  const stop = async (id: number) => {
    await run(() => stopBackfill(orgId, destination.id, id))
    reload()
  }
  const newestFirst = [...destination.backfills].reverse()
  return (
    <section class="card" aria-labelledby="backfills">
      <div class="card-head">
        <h2 id="backfills">{texts().backfills}</h2>
        <span class="space" />
        <button type="button" class="button" onClick={() => setAsking(true)}>
          {texts().newBackfill}
        </button>
      </div>
      <div class="card-body backfills">
        {newestFirst.length === 0 && <p class="muted">{texts().noBackfills}</p>}
        {newestFirst.map((one) => (
          <BackfillPart key={one.id} backfill={one} onStop={() => stop(one.id)} />
        ))}
        <Fault text={fault} />
      </div>
      {asking && (
        <BackfillDialog
          onClose={() => setAsking(false)}
          onStart={async (range) => {
            await startBackfill(orgId, destination.id, range)
            reload()
          }}
        />
      )}
    </section>
  )
}

function BackfillPart({ backfill, onStop }: { backfill: Backfill; onStop: () => void }) {
  const { id, timeStart, timeEnd, progress, endedAt, stopped, delivered, deletedUndelivered } =
    backfill
  const percent = Math.floor(100 * progress)
  const range = texts().fromTo(
    formatDateTime(Date.parse(timeStart)),
    formatDateTime(Date.parse(timeEnd)),
  )
  return (
    <div class="backfill">
      <div class="backfill-line">
        <span>{range}</span>
        <span class="figures muted">
          {[
            endedAt === null
              ? `${percent} %`
              : stopped
                ? texts().stoppedAt(percent)
                : texts().backfillDone,
            texts().sessions(delivered),
            ...(deletedUndelivered > 0 ? [texts().deletedBefore(deletedUndelivered)] : []),
          ].join(', ')}
        </span>
        {endedAt === null && (
          <button
            type="button"
            class="button small"
            aria-label={texts().stopRange(range)}
            onClick={onStop}
          >
            {texts().stop}
          </button>
        )}
      </div>
      <svg
        class="share"
        viewBox="0 0 100 1"
        preserveAspectRatio="none"
        role="img"
        aria-label={texts().backfillBar(id, percent)}
      >
        <rect class="share-ground" width="100" height="1" />
        <rect class="share-sent" width={100 * progress} height="1" />
      </svg>
    </div>
  )
}

interface DialogProps {
  readonly onClose: () => void
  readonly onStart: (range: { timeStart: string; timeEnd: string }) => Promise<void>
}

function BackfillDialog({ onClose, onStart }: DialogProps) {
  const { fault, setFault, run } = useAction()
  const now = Date.now()
  const spanOfFields = (form: HTMLFormElement) => {
    try {
      return spanOfText(timesOf(form), now)
    } catch (error) {
      setFault(rangeFaultText(error))
      return null
    }
  }
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    const span = spanOfFields(event.currentTarget as HTMLFormElement)
    if (span === null) return
    await run(async () => {
      await onStart({
        timeStart: new Date(span.startMs).toISOString(),
        timeEnd: new Date(span.endMs).toISOString(),
      })
      onClose()
    })
  }
  return (
    <Dialog title={texts().newBackfill} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <p>{texts().backfillWhat}</p>
        <TimeFields span={{ startMs: now - DAY, endMs: now }} />
        <Fault text={fault} />
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            {common().cancel}
          </button>
          <button type="submit" class="button primary">
            {texts().start}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
