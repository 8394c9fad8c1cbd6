/** Creates a key and shows it once. */

import { useState } from 'preact/hooks'
import { createKey, type NewKey } from '../../api/admin.js'
import { DAY } from '../../format/time.js'
import { copyText } from '../../parts/copy.js'
import { Dialog } from '../../parts/dialog.js'
import { Fault } from '../../parts/fault.js'
import { CopyIcon } from '../../parts/icons.js'
import { useAction } from '../../parts/use-action.js'
import { SERVER_URL } from '../../state/base.js'
import { common } from '../../texts/common.js'
import { settings } from '../../texts/settings.js'

export interface NewKeyProps {
  readonly orgId: string
  readonly onCreated: () => void
  readonly onClose: () => void
}

const SCOPES = ['read', 'ingest', 'admin'] as const

const LIFETIMES = [
  { days: 0, name: 'never' },
  { days: 30, name: 'days30' },
  { days: 90, name: 'days90' },
  { days: 365, name: 'year' },
] as const

export function NewKeyDialog({ orgId, onCreated, onClose }: NewKeyProps) {
  const [made, setMade] = useState<Made | null>(null)
  if (made !== null) return <MadeKey {...made} onClose={onClose} />
  return (
    <Dialog title={settings().newKey} onClose={onClose}>
      <NewKeyForm
        onCancel={onClose}
        onSubmit={async (wanted) => {
          const { name, key, siteId } = await createKey(orgId, wanted)
          onCreated()
          setMade({ name, secret: key, siteId })
        }}
      />
    </Dialog>
  )
}

interface Made {
  readonly name: string
  readonly secret: string
  /** Only an ingest key has a site. */
  readonly siteId: number | null
}

interface FormProps {
  readonly onSubmit: (key: NewKey) => Promise<void>
  readonly onCancel: () => void
}

function NewKeyForm({ onSubmit, onCancel }: FormProps) {
  const [scope, setScope] = useState<NewKey['scope']>('read')
  const { fault, run } = useAction()
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const days = Number(form.get('days'))
    return run(() =>
      onSubmit({
        scope,
        name: String(form.get('name')).trim(),
        siteId: scope === 'ingest' ? Number(form.get('siteId')) : null,
        expiresAt: days === 0 ? null : new Date(Date.now() + days * DAY).toISOString(),
      }),
    )
  }
  return (
    <form class="form" onSubmit={submit}>
      <label class="label">
        {settings().name}
        <input
          class="field"
          name="name"
          required
          maxLength={100}
          placeholder={settings().nameHint}
        />
      </label>
      <label class="label">
        {settings().scope}
        <select
          class="field"
          value={scope}
          onChange={(event) => setScope(event.currentTarget.value as NewKey['scope'])}
        >
          {SCOPES.map((value) => (
            <option key={value} value={value}>
              {settings().scopes[value]}
            </option>
          ))}
        </select>
      </label>
      {scope === 'ingest' && (
        <label class="label">
          {settings().site}
          <input
            class="field"
            name="siteId"
            type="number"
            min={1}
            required
            placeholder={settings().siteHint}
          />
        </label>
      )}
      <label class="label">
        {settings().expires}
        <select class="field" name="days">
          {LIFETIMES.map(({ days, name }) => (
            <option key={days} value={days}>
              {settings().lifetimes[name]}
            </option>
          ))}
        </select>
      </label>
      <Fault text={fault} />
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onCancel}>
          {common().cancel}
        </button>
        <button type="submit" class="button primary">
          {settings().create}
        </button>
      </div>
    </form>
  )
}

function MadeKey({ name, secret, siteId, onClose }: Made & { onClose: () => void }) {
  const file = `site-${siteId}.key`
  const command = `(umask 077; echo ${secret} > ${file})
tunmeter meter --interface wg0 --to ${SERVER_URL} --key-file ${file}`
  return (
    <Dialog title={settings().keyFor(name)} onClose={onClose}>
      <p>{settings().copyNow}</p>
      <pre class="command new-key">{secret}</pre>
      {siteId !== null && (
        <>
          <p>{settings().onGateway(siteId)}</p>
          <pre class="command">{command}</pre>
        </>
      )}
      <div class="dialog-actions">
        <button type="button" class="button" onClick={() => copyText(secret, settings().key)}>
          <CopyIcon /> {settings().copy}
        </button>
        {siteId !== null && (
          <button
            type="button"
            class="button"
            onClick={() => copyText(command, settings().commands)}
          >
            <CopyIcon /> {settings().copyCommands}
          </button>
        )}
        <button type="button" class="button primary" onClick={onClose}>
          {settings().done}
        </button>
      </div>
    </Dialog>
  )
}
