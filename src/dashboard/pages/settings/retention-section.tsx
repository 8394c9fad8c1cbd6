/** Retention: off, some days, or for ever. A change that deletes sessions asks first. */

import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { fetchSettings, putSettings, sessionsToConfirm } from '../../api/admin.js'
import { faultText } from '../../api/fault-text.js'
import { useQuery } from '../../api/use-query.js'
import { formatDateTime } from '../../format/time.js'
import { Dialog } from '../../parts/dialog.js'
import { Fault } from '../../parts/fault.js'
import { Failure, Progress } from '../../parts/states.js'
import { toast } from '../../parts/toasts.js'
import { settings } from '../../texts/settings.js'

const FOR_EVER = -1
const DAYS_SUGGESTED = 30
const DAYS_MAX = 36_500

type Kind = 'off' | 'days' | 'forEver'

function kindOf(days: number): Kind {
  return days === 0 ? 'off' : days === FOR_EVER ? 'forEver' : 'days'
}

function retentionText(days: number): string {
  const { keptNothing, keptForEver, keptDays } = settings()
  return days === 0 ? keptNothing : days === FOR_EVER ? keptForEver : keptDays(days)
}

export function RetentionSection({ orgId, mayChange }: { orgId: string; mayChange: boolean }) {
  const query = useQuery(`settings ${orgId}`, (signal) => fetchSettings(orgId, signal))
  return (
    <section class="card" aria-labelledby="retention">
      <div class="card-head">
        <h2 id="retention">{settings().retention}</h2>
      </div>
      <div class="card-body">
        <Progress query={query} />
        {query.data === undefined ? (
          <Failure query={query} what="settings" />
        ) : (
          <RetentionForm
            stored={query.data.retentionDays}
            deletesFrom={query.data.deletesFrom}
            mayChange={mayChange}
            onSave={async (days, confirm) => {
              const change = { retentionDays: days, ...(confirm !== null && { confirm }) }
              const stored = await putSettings(orgId, change)
              query.update(() => stored)
              toast(settings().keptFromNow(retentionText(stored.retentionDays)))
            }}
          />
        )}
      </div>
    </section>
  )
}

interface FormProps {
  readonly stored: number
  readonly deletesFrom: string | null
  readonly mayChange: boolean
  readonly onSave: (days: number, confirm: number | null) => Promise<void>
}

function RetentionForm({ stored, deletesFrom, mayChange, onSave }: FormProps) {
  const [kind, setKind] = useState<Kind>(kindOf(stored))
  const [days, setDays] = useState(stored > 0 ? stored : DAYS_SUGGESTED)
  /** The number of sessions to be deleted, which the server has named. */
  const [asking, setAsking] = useState<number | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  useEffect(() => {
    setKind(kindOf(stored))
    if (stored > 0) setDays(stored)
  }, [stored])
  const wanted = kind === 'off' ? 0 : kind === 'forEver' ? FOR_EVER : days
  // The server refuses a change that deletes sessions until their number comes with it.
  const save = async (confirm: number | null) => {
    setAsking(null)
    try {
      await onSave(wanted, confirm)
      setFault(null)
    } catch (error) {
      const sessions = sessionsToConfirm(error)
      if (sessions !== null) return setAsking(sessions)
      setFault(faultText(error))
    }
  }
  const submit = (event: Event) => {
    event.preventDefault()
    save(null)
  }
  return (
    <form class="form" onSubmit={submit}>
      <fieldset class="choices" disabled={!mayChange}>
        <legend class="visually-hidden">{settings().howLong}</legend>
        <Choice kind="off" chosen={kind} onChoose={setKind} label={settings().off}>
          {settings().offHelp}
        </Choice>
        <Choice kind="days" chosen={kind} onChoose={setKind} label={settings().aNumberOfDays}>
          <input
            class="field days"
            type="number"
            min={1}
            max={DAYS_MAX}
            required={kind === 'days'}
            aria-label={settings().days}
            value={days}
            onFocus={() => setKind('days')}
            onInput={(event) => setDays(event.currentTarget.valueAsNumber)}
          />{' '}
          {settings().daysHelp}
        </Choice>
        <Choice kind="forEver" chosen={kind} onChoose={setKind} label={settings().forEver}>
          {settings().forEverHelp}
        </Choice>
      </fieldset>
      <Fault text={fault} />
      {mayChange && (
        <button type="submit" class="button primary" disabled={wanted === stored}>
          {settings().save}
        </button>
      )}
      {deletesFrom !== null && (
        <p class="muted">{settings().deletesFrom(formatDateTime(Date.parse(deletesFrom)))}</p>
      )}
      {asking !== null && (
        <ShorterDialog
          before={retentionText(stored)}
          after={retentionText(wanted)}
          sessions={asking}
          onClose={() => setAsking(null)}
          onSave={() => save(asking)}
        />
      )}
    </form>
  )
}

interface ShorterProps {
  readonly before: string
  readonly after: string
  readonly sessions: number
  readonly onClose: () => void
  readonly onSave: () => void
}

function ShorterDialog({ before, after, sessions, onClose, onSave }: ShorterProps) {
  return (
    <Dialog title={settings().deleteOlder} onClose={onClose}>
      <p>{settings().shorter(before, after, sessions)}</p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          {settings().keepThem}
        </button>
        <button type="button" class="button danger" onClick={onSave}>
          {settings().deleteSessions(sessions)}
        </button>
      </div>
    </Dialog>
  )
}

interface ChoiceProps {
  readonly kind: Kind
  readonly chosen: Kind
  readonly label: string
  readonly onChoose: (kind: Kind) => void
  readonly children: ComponentChildren
}

function Choice({ kind, chosen, label, onChoose, children }: ChoiceProps) {
  return (
    <div class="choice">
      <input
        type="radio"
        name="retention"
        id={`retention-${kind}`}
        checked={kind === chosen}
        onChange={() => onChoose(kind)}
      />
      <div>
        <label for={`retention-${kind}`}>{label}</label>
        <p class="muted">{children}</p>
      </div>
    </div>
  )
}
