/** The form for a new alert. */
import { useState } from 'preact/hooks'
import { type Alert, addAlert, type WantedAlert } from '../../api/alerts.js'
import { useQuery } from '../../api/use-query.js'
import { fetchViews } from '../../api/views.js'
import { Dialog } from '../../parts/dialog.js'
import { Fault } from '../../parts/fault.js'
import { useAction } from '../../parts/use-action.js'
import { SERVER_URL } from '../../state/base.js'
import { alerts } from '../../texts/alerts.js'
import { common } from '../../texts/common.js'

type Kind = Alert['condition']['kind']
type TargetKind = Alert['to']['kind']
type Value = Extract<Alert['condition'], { kind: 'newValue' }>['of']

export interface AlertDialogProps {
  readonly orgId: string
  readonly onClose: () => void
  readonly onStored: (alert: Alert) => void
}

function conditionOf(kind: Kind, field: (name: string) => string): Alert['condition'] {
  const withinMinutes = Number(field('within'))
  switch (kind) {
    case 'count':
      return { kind, over: Number(field('over')), withinMinutes }
    case 'bytes':
      return { kind, over: Math.round(Number(field('over')) * 1e6), withinMinutes }
    case 'newValue':
      return { kind, of: field('of') as Value }
    default:
      return { kind }
  }
}

function wantedOf(form: FormData, kind: Kind, target: TargetKind): WantedAlert {
  const field = (name: string) => String(form.get(name) ?? '').trim()
  const [from, to] = [field('quietFrom'), field('quietTo')]
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions()
  const secret = field('secret')
  return {
    name: field('name'),
    query: field('view'),
    condition: conditionOf(kind, field),
    to:
      target === 'webhook'
        ? { kind: 'webhook', url: field('url') }
        : { kind: 'email', addresses: field('addresses').split(/[\s,;]+/) },
    quiet: from === '' || to === '' ? null : { from, to, timeZone },
    link: `${SERVER_URL}/alerts`,
    secrets: secret === '' ? {} : { secret },
  }
}

export function AlertDialog({ orgId, onClose, onStored }: AlertDialogProps) {
  const [kind, setKind] = useState<Kind>('count')
  const [target, setTarget] = useState<TargetKind>('webhook')
  const { fault, run } = useAction()
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    return run(async () => onStored(await addAlert(orgId, wantedOf(form, kind, target))))
  }
  return (
    <Dialog title={alerts().add} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <Field label={alerts().name} name="name" required maxLength={100} />
        <Choice
          label={alerts().finds}
          value={kind}
          choices={Object.entries(alerts().conditions)}
          onChange={setKind}
        />
        <ConditionFields kind={kind} />
        <ViewField orgId={orgId} ofSites={kind === 'silence' || kind === 'hole'} />
        <Choice
          label={alerts().goesTo}
          value={target}
          choices={[
            ['webhook', alerts().webhook],
            ['email', alerts().email],
          ]}
          onChange={setTarget}
        />
        {target === 'webhook' ? (
          <>
            <Field label={alerts().url} name="url" type="url" required />
            <Field label={alerts().secret} name="secret" autocomplete="off" />
          </>
        ) : (
          <Field label={alerts().addresses} name="addresses" required />
        )}
        <Field label={alerts().quietFrom} name="quietFrom" type="time" />
        <Field label={alerts().quietTo} name="quietTo" type="time" />
        <Fault text={fault} />
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            {common().cancel}
          </button>
          <button type="submit" class="button primary">
            {alerts().create}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

interface FieldProps {
  readonly label: string
  readonly name: string
  readonly type?: string
  readonly required?: boolean
  readonly maxLength?: number
  readonly min?: number
  readonly autocomplete?: string
}

function Field({ label, ...input }: FieldProps) {
  return (
    <label class="label">
      {label}
      <input class="field" {...(input as object)} />
    </label>
  )
}

interface ChoiceProps<T extends string> {
  readonly label: string
  readonly value: T
  readonly choices: readonly (readonly [string, string])[]
  readonly onChange: (value: T) => void
}

function Choice<T extends string>({ label, value, choices, onChange }: ChoiceProps<T>) {
  return (
    <label class="label">
      {label}
      <select
        class="field"
        value={value}
        onChange={(event) => onChange(event.currentTarget.value as T)}
      >
        {choices.map(([word, text]) => (
          <option key={word} value={word}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

function ConditionFields({ kind }: { kind: Kind }) {
  if (kind === 'newValue')
    return (
      <label class="label">
        {alerts().of}
        <select class="field" name="of">
          {Object.entries(alerts().values).map(([word, label]) => (
            <option key={word} value={word}>
              {label}
            </option>
          ))}
        </select>
      </label>
    )
  if (kind !== 'count' && kind !== 'bytes') return null
  const label = kind === 'count' ? alerts().overSessions : alerts().overMegabytes
  return (
    <>
      <Field label={label} name="over" type="number" min={0} required />
      <label class="label">
        {alerts().within}
        <select class="field" name="within">
          {Object.entries(alerts().withinChoices).map(([minutes, text]) => (
            <option key={minutes} value={minutes}>
              {text}
            </option>
          ))}
        </select>
      </label>
    </>
  )
}

function ViewField({ orgId, ofSites }: { orgId: string; ofSites: boolean }) {
  const { data } = useQuery(`views ${orgId}`, (signal) => fetchViews(orgId, signal))
  return (
    <label class="label">
      {alerts().view}
      <select class="field" name="view">
        <option value="">{ofSites ? alerts().allSites : alerts().all}</option>
        {data?.map(({ id, name, query }) => (
          <option key={id} value={query}>
            {name}
          </option>
        ))}
      </select>
      <span class="muted hint">{alerts().viewHelp}</span>
    </label>
  )
}
