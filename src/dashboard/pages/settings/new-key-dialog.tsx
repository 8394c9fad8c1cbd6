/** Creates a key and shows it once. */
import { useState } from 'preact/hooks'
import { createKey, type NewKey } from '../../api/admin.js'
import { DAY } from '../../format/time.js'
import { copyText } from '../../parts/copy.js'
import { Dialog } from '../../parts/dialog.js'
import { Fault } from '../../parts/fault.js'
import { CopyIcon } from '../../parts/icons.js'
import { useAction } from '../../parts/use-action.js'

export interface NewKeyProps {
  readonly orgId: string
  readonly onCreated: () => void
  readonly onClose: () => void
}

const SCOPES = [
  { value: 'read', label: 'Read: sees the log' },
  { value: 'ingest', label: 'Ingest: a meter of one site' },
  { value: 'admin', label: 'Admin: changes settings and keys' },
] as const

const LIFETIMES = [
  { days: 0, label: 'Never' },
  { days: 30, label: 'In 30 days' },
  { days: 90, label: 'In 90 days' },
  { days: 365, label: 'In a year' },
] as const

export function NewKeyDialog({ orgId, onCreated, onClose }: NewKeyProps) {
  const [made, setMade] = useState<Made | null>(null)
  if (made !== null) return <MadeKey {...made} onClose={onClose} />
  return (
    <Dialog title="New key" onClose={onClose}>
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
        Name
        <input
          class="field"
          name="name"
          required
          maxLength={100}
          placeholder="Its person or program"
        />
      </label>
      <label class="label">
        Scope
        <select
          class="field"
          value={scope}
          onChange={(event) => setScope(event.currentTarget.value as NewKey['scope'])}
        >
          {SCOPES.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {scope === 'ingest' && (
        <label class="label">
          Site
          <input
            class="field"
            name="siteId"
            type="number"
            min={1}
            required
            placeholder="Number of the site"
          />
        </label>
      )}
      <label class="label">
        Expires
        <select class="field" name="days">
          {LIFETIMES.map(({ days, label }) => (
            <option key={days} value={days}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <Fault text={fault} />
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" class="button primary">
          Create
        </button>
      </div>
    </form>
  )
}

function MadeKey({ name, secret, siteId, onClose }: Made & { onClose: () => void }) {
  const file = `site-${siteId}.key`
  const command = `(umask 077; echo ${secret} > ${file})
tunmeter meter --interface wg0 --to ${window.location.origin} --key-file ${file}`
  return (
    <Dialog title={`Key for ${name}`} onClose={onClose}>
      <p>Copy it now. It is not shown again, because the server keeps only a hash.</p>
      <pre class="command new-key">{secret}</pre>
      {siteId !== null && (
        <>
          <p>On the gateway of site {siteId}, as root:</p>
          <pre class="command">{command}</pre>
        </>
      )}
      <div class="dialog-actions">
        <button type="button" class="button" onClick={() => copyText(secret, 'Key')}>
          <CopyIcon /> Copy
        </button>
        {siteId !== null && (
          <button type="button" class="button" onClick={() => copyText(command, 'Commands')}>
            <CopyIcon /> Copy commands
          </button>
        )}
        <button type="button" class="button primary" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  )
}
