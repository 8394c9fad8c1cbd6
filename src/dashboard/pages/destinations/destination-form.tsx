/** The form that creates or changes a destination. The server names the fields of each kind. */

import { useState } from 'preact/hooks'
import {
  createDestination,
  type Destination,
  fetchKinds,
  type Kind,
  type KindField,
  putDestination,
} from '../../api/destinations.js'
import { useQuery } from '../../api/use-query.js'
import { Dialog } from '../../parts/dialog.js'
import { Fault } from '../../parts/fault.js'
import { Failure } from '../../parts/states.js'
import { useAction } from '../../parts/use-action.js'
import { common } from '../../texts/common.js'
import { destinations as texts } from '../../texts/destinations.js'
import { wantedOf } from './form-values.js'

export interface DestinationDialogProps {
  readonly orgId: string
  /** The destination to change; without it the form creates one. */
  readonly destination?: Destination
  readonly onClose: () => void
  readonly onStored: (destination: Destination) => void
}

export function DestinationDialog(props: DestinationDialogProps) {
  const { orgId, destination, onClose } = props
  const query = useQuery(`destination kinds ${orgId}`, (signal) => fetchKinds(orgId, signal))
  const title = destination === undefined ? texts().newOne : texts().changeOne(destination.name)
  return (
    <Dialog title={title} onClose={onClose}>
      {query.data === undefined ? (
        <Failure query={query} what="kinds" />
      ) : (
        <DestinationForm {...props} kinds={query.data} />
      )}
    </Dialog>
  )
}

function DestinationForm({
  orgId,
  destination,
  kinds,
  onClose,
  onStored,
}: DestinationDialogProps & { kinds: readonly Kind[] }) {
  const [name, setName] = useState(destination?.kind ?? kinds[0]!.kind)
  const { fault, run } = useAction()
  const kind = kinds.find((one) => one.kind === name)!
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    return run(async () => {
      const wanted = wantedOf(form, kind)
      const stored = await (destination === undefined
        ? createDestination(orgId, wanted)
        : putDestination(orgId, destination.id, wanted))
      onStored(stored)
      onClose()
    })
  }
  return (
    <form class="form" onSubmit={submit}>
      <label class="label">
        {texts().name}
        <input
          class="field"
          name="name"
          required
          maxLength={100}
          defaultValue={destination?.name}
        />
      </label>
      {destination === undefined && (
        <label class="label">
          {texts().kind}
          <select
            class="field"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          >
            {kinds.map((one) => (
              <option key={one.kind}>{one.kind}</option>
            ))}
          </select>
        </label>
      )}
      {kind.settings.map((field) => (
        <SettingField
          key={`${kind.kind} ${field.name}`}
          kind={kind.kind}
          field={field}
          value={destination === undefined ? field.default : destination.settings[field.name]}
        />
      ))}
      {kind.secrets.map((secret) => (
        <SecretField
          key={`${kind.kind} ${secret.name}`}
          secret={secret}
          known={destination?.secrets[secret.name]}
        />
      ))}
      <CommonFields destination={destination} fillSeconds={kind.fillSeconds} />
      <Fault text={fault} />
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          {common().cancel}
        </button>
        <button type="submit" class="button primary">
          {destination === undefined ? texts().create : texts().save}
        </button>
      </div>
    </form>
  )
}

interface SettingFieldProps {
  readonly kind: string
  readonly field: KindField
  readonly value: unknown
}

function SettingField({ kind, field, value }: SettingFieldProps) {
  const { name, type, required, choices } = field
  const help = texts().help(kind, name, field.help)
  const id = `setting.${name}`
  if (type === 'boolean')
    return (
      <label class="check-line">
        <input type="checkbox" name={id} defaultChecked={value === true} /> {name}
        {help !== '' && <span class="hint">{help}</span>}
      </label>
    )
  const text = type === 'json' && value !== undefined ? JSON.stringify(value) : String(value ?? '')
  return (
    <div class="label">
      <label for={id}>{name}</label>
      {type === 'choice' ? (
        <select class="field" id={id} name={id}>
          {choices.map((choice) => (
            <option key={choice} selected={choice === text}>
              {choice}
            </option>
          ))}
        </select>
      ) : type === 'lines' ? (
        <textarea
          class="field mono"
          id={id}
          name={id}
          rows={2}
          required={required}
          defaultValue={text}
        />
      ) : (
        <input
          class="field"
          id={id}
          name={id}
          inputMode={type === 'integer' ? 'numeric' : 'text'}
          required={required}
          defaultValue={text}
        />
      )}
      {help !== '' && <span class="hint">{help}</span>}
    </div>
  )
}

interface SecretFieldProps {
  readonly secret: Kind['secrets'][number]
  readonly known: Destination['secrets'][string] | undefined
}

/** A secret is write-only: an empty field leaves it as it is. */
function SecretField({ secret: { name, required, type }, known }: SecretFieldProps) {
  const id = `secret.${name}`
  const isNeeded = required && known === undefined
  return (
    <>
      <div class="label">
        <label for={id}>{name}</label>
        {type === 'lines' ? (
          <textarea class="field mono" id={id} name={id} rows={2} required={isNeeded} />
        ) : (
          <input
            class="field"
            id={id}
            name={id}
            type="password"
            autocomplete="new-password"
            required={isNeeded}
          />
        )}
        <span class="hint">{secretText(known, required)}</span>
      </div>
      {known !== undefined && !required && (
        <label class="check-line">
          <input type="checkbox" name={`remove.${name}`} /> {texts().removeSecret(name)}
        </label>
      )}
    </>
  )
}

function secretText(known: SecretFieldProps['known'], required: boolean): string {
  if (known === undefined) return required ? texts().newSecret : texts().optionalSecret
  return texts().knownSecret(known.lastFour)
}

interface CommonFieldsProps {
  readonly destination: Destination | undefined
  readonly fillSeconds: number
}

function CommonFields({ destination, fillSeconds }: CommonFieldsProps) {
  const { eventsMax = 1000, bytesMax = 2 ** 20 } = destination ?? {}
  const number = (name: string, label: string, value: number, max: number) => (
    <label class="label">
      {label}
      <input
        class="field"
        name={name}
        type="number"
        min={0}
        max={max}
        required
        defaultValue={String(value)}
      />
    </label>
  )
  return (
    <details class="more">
      <summary>{texts().more}</summary>
      <div class="form">
        <label class="label">
          {texts().onlyQuery}
          <input
            class="field"
            name="q"
            defaultValue={destination?.q}
            placeholder="port:ssh -client:backup*"
          />
        </label>
        <label class="label">
          {texts().onlyFields}
          <input
            class="field"
            name="columns"
            defaultValue={destination?.columns?.join(', ')}
            placeholder="sessionId, startTime, userName"
          />
        </label>
        <label class="label">
          {texts().records}
          <select class="field" name="records">
            <option value="sessions">{texts().recordsSessions}</option>
            <option value="peers" selected={destination?.records === 'peers'}>
              {texts().recordsPeers}
            </option>
          </select>
        </label>
        {number('eventsMax', texts().eventsMax, eventsMax, 10_000)}
        {number('bytesMax', texts().bytesMax, bytesMax, 2 ** 24)}
        {number('fillSeconds', texts().fillSeconds, destination?.fillSeconds ?? fillSeconds, 3600)}
        {number('openSeconds', texts().openSeconds, destination?.openSeconds ?? 0, 3600)}
        <PseudonymFields known={destination?.pseudonyms ?? null} />
      </div>
    </details>
  )
}

function PseudonymFields({ known }: { known: Destination['pseudonyms'] }) {
  return (
    <>
      <div class="label">
        <label for="pseudonyms">{texts().pseudonymsFor}</label>
        <select class="field" id="pseudonyms" name="pseudonyms">
          <option value="">{texts().noPseudonyms}</option>
          {(['day', 'week', 'month'] as const).map((period) => (
            <option key={period} value={period} selected={period === known?.period}>
              {texts().periods[period]}
            </option>
          ))}
        </select>
        <span class="hint">{texts().pseudonymsHint}</span>
      </div>
      <label class="check-line">
        <input
          type="checkbox"
          name="pseudonyms.addresses"
          defaultChecked={known?.addresses ?? true}
        />{' '}
        {texts().addressesToo}
        <span class="hint">{texts().addressesHint}</span>
      </label>
    </>
  )
}
