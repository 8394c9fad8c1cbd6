/** The form for a new alert, and for changes of one. */
import { useState } from 'preact/hooks'
import { type Alert, addAlert, changeAlert } from '../../api/alerts.js'
import { useQuery } from '../../api/use-query.js'
import { fetchViews } from '../../api/views.js'
import { Dialog } from '../../parts/dialog.js'
import { Fault } from '../../parts/fault.js'
import { useAction } from '../../parts/use-action.js'
import { alerts } from '../../texts/alerts.js'
import { common } from '../../texts/common.js'
import { language } from '../../texts/language.js'
import { EVERY_MINUTES, type Kind, type TargetKind, wantedOf, zoneOf } from './alert-form.js'

export interface AlertDialogProps {
  readonly orgId: string
  /** The alert to edit; null: a new one. */
  readonly alert: Alert | null
  readonly onClose: () => void
  readonly onStored: (alert: Alert) => void
}

export function AlertDialog({ orgId, alert, onClose, onStored }: AlertDialogProps) {
  const [kind, setKind] = useState<Kind>(alert?.condition.kind ?? 'count')
  const [target, setTarget] = useState<TargetKind>(alert?.to.kind ?? 'webhook')
  const { fault, run } = useAction()
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const wanted = wantedOf(form, { kind, target, before: alert })
    return run(async () =>
      onStored(
        alert === null ? await addAlert(orgId, wanted) : await changeAlert(orgId, alert.id, wanted),
      ),
    )
  }
  const texts = alerts()
  return (
    <Dialog title={alert === null ? texts.add : texts.change} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <Field label={texts.name} name="name" required maxLength={100} value={alert?.name} />
        <Choice
          label={texts.finds}
          value={kind}
          choices={Object.entries(texts.conditions) as [Kind, string][]}
          onChange={setKind}
        />
        <ConditionFields kind={kind} condition={alert?.condition} />
        <ViewField
          orgId={orgId}
          query={alert?.query ?? ''}
          ofSites={kind === 'silence' || kind === 'hole'}
        />
        <Choice
          label={texts.goesTo}
          value={target}
          choices={[
            ['webhook', texts.webhook],
            ['email', texts.email],
          ]}
          onChange={setTarget}
        />
        {target === 'webhook' ? <WebhookFields alert={alert} /> : <EmailField alert={alert} />}
        <MessageFields alert={alert} />
        <Fault text={fault} />
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            {common().cancel}
          </button>
          <button type="submit" class="button primary">
            {alert === null ? texts.create : texts.save}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

interface PartProps {
  readonly alert: Alert | null
}

function WebhookFields({ alert }: PartProps) {
  const { url, secret, secretKept, unsigned } = alerts()
  const known = alert?.secret?.lastFour
  return (
    <>
      <Field
        label={url}
        name="url"
        type="url"
        required
        value={alert?.to.kind === 'webhook' ? alert.to.url : undefined}
      />
      <Field
        label={secret}
        name="secret"
        autocomplete="off"
        placeholder={known == null ? undefined : secretKept(known)}
      />
      {alert?.secret && (
        <label class="check-line">
          <input type="checkbox" name="unsigned" /> {unsigned}
        </label>
      )}
    </>
  )
}

function EmailField({ alert }: PartProps) {
  const value = alert?.to.kind === 'email' ? alert.to.addresses.join(', ') : undefined
  return <Field label={alerts().addresses} name="addresses" required value={value} />
}

function MessageFields({ alert }: PartProps) {
  const { language: label, languages, every, quietFrom, quietTo } = alerts()
  const zone = zoneOf(alert)
  const { from, to } = alert?.quiet ?? {}
  return (
    <>
      <label class="label">
        {label}
        <select class="field" name="language" value={alert?.language ?? language()}>
          {Object.entries(languages).map(([tag, name]) => (
            <option key={tag} value={tag}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Field
        label={every}
        name="every"
        type="number"
        min={5}
        max={1440}
        required
        value={alert?.everyMinutes ?? EVERY_MINUTES}
      />
      <ClockField label={quietFrom(zone)} name="quietFrom" value={from} hint="22:00" />
      <ClockField label={quietTo} name="quietTo" value={to} hint="07:00" />
    </>
  )
}

interface FieldProps {
  readonly label: string
  readonly name: string
  readonly type?: string
  readonly required?: boolean
  readonly maxLength?: number
  readonly min?: number
  readonly max?: number
  readonly step?: number | 'any'
  readonly autocomplete?: string
  readonly pattern?: string
  readonly title?: string
  readonly placeholder?: string | undefined
  readonly value?: string | number | undefined
}

/** Its value is what it begins with; the person's typing stays. */
function Field({ label, value, ...input }: FieldProps) {
  return (
    <label class="label">
      {label}
      <input class="field" defaultValue={value} {...(input as object)} />
    </label>
  )
}

interface ClockProps {
  readonly label: string
  readonly name: string
  readonly value: string | undefined
  readonly hint: string
}

/** A text, because a browser's own field counts to twelve in some languages. */
function ClockField({ hint, ...field }: ClockProps) {
  const pattern = '([01][0-9]|2[0-3]):[0-5][0-9]'
  return <Field {...field} pattern={pattern} placeholder={hint} title={alerts().clock} />
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

interface ConditionProps {
  readonly kind: Kind
  /** Of the alert that is edited. */
  readonly condition: Alert['condition'] | undefined
}

function ConditionFields({ kind, condition }: ConditionProps) {
  if (kind === 'newValue')
    return (
      <label class="label">
        {alerts().of}
        <select
          class="field"
          name="of"
          value={condition?.kind === 'newValue' ? condition.of : 'client'}
        >
          {Object.entries(alerts().values).map(([word, label]) => (
            <option key={word} value={word}>
              {label}
            </option>
          ))}
        </select>
      </label>
    )
  if (kind !== 'count' && kind !== 'bytes') return null
  const before = condition?.kind === kind ? condition : undefined
  const minutes = before?.withinMinutes ?? 15
  const choices = new Map(Object.entries(alerts().withinChoices))
  // The API takes any number of minutes.
  if (!choices.has(String(minutes))) choices.set(String(minutes), alerts().minutes(minutes))
  return (
    <>
      <Field
        key={kind}
        label={kind === 'count' ? alerts().overSessions : alerts().overMegabytes}
        name="over"
        type="number"
        min={0}
        step={kind === 'count' ? 1 : 'any'}
        required
        value={before && (kind === 'count' ? before.over : before.over / 1e6)}
      />
      <label class="label">
        {alerts().within}
        <select class="field" name="within" value={String(minutes)}>
          {[...choices].map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </label>
    </>
  )
}

interface ViewProps {
  readonly orgId: string
  /** The filters of the alert that is edited. */
  readonly query: string
  readonly ofSites: boolean
}

function ViewField({ orgId, query, ofSites }: ViewProps) {
  const { data } = useQuery(`views ${orgId}`, (signal) => fetchViews(orgId, signal))
  const isOfView = query === '' || data?.some((view) => view.query === query) === true
  return (
    <label class="label">
      {alerts().view}
      <select
        class="field"
        name="view"
        key={data === undefined ? 'loading' : 'loaded'}
        value={query}
      >
        <option value="">{ofSites ? alerts().allSites : alerts().all}</option>
        {!isOfView && <option value={query}>{alerts().asNow(query)}</option>}
        {data?.map(({ id, name, query: its }) => (
          <option key={id} value={its}>
            {name}
          </option>
        ))}
      </select>
      <span class="muted hint">{alerts().viewHelp}</span>
    </label>
  )
}
