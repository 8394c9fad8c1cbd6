/** The list of keys with their last use, and the buttons that create and revoke keys. */

import { useState } from 'preact/hooks'
import { fetchKeys, revokeKey } from '../../api/admin.js'
import { session } from '../../api/session.js'
import type { Key } from '../../api/types.js'
import { useQuery } from '../../api/use-query.js'
import { formatAgo, formatDateTime } from '../../format/time.js'
import { Dialog } from '../../parts/dialog.js'
import { Fault } from '../../parts/fault.js'
import { PlusIcon } from '../../parts/icons.js'
import { Failure, Progress } from '../../parts/states.js'
import { TableScroll } from '../../parts/table-scroll.js'
import { toast } from '../../parts/toasts.js'
import { useAction } from '../../parts/use-action.js'
import { useNow } from '../../parts/use-now.js'
import { useStore } from '../../state/store.js'
import { common } from '../../texts/common.js'
import { settings } from '../../texts/settings.js'
import { NewKeyDialog } from './new-key-dialog.js'

export function KeysSection({ orgId }: { orgId: string }) {
  const query = useQuery(`keys ${orgId}`, (signal) => fetchKeys(orgId, signal))
  const [creating, setCreating] = useState(false)
  const [revoking, setRevoking] = useState<Key | null>(null)
  const [sought, setSought] = useState('')
  return (
    <section class="card" aria-labelledby="keys">
      <div class="card-head">
        <h2 id="keys">{settings().keys}</h2>
        <span class="space" />
        <input
          class="field key-search"
          type="search"
          aria-label={settings().findKey}
          placeholder={settings().findKeyHint}
          autocomplete="off"
          value={sought}
          onInput={(event) => setSought(event.currentTarget.value)}
        />
        <button type="button" class="button" onClick={() => setCreating(true)}>
          <PlusIcon /> {settings().newKey}
        </button>
      </div>
      <Progress query={query} />
      {query.data === undefined ? (
        <Failure query={query} what="keys" />
      ) : (
        <KeyTable keys={query.data.filter((key) => isSought(key, sought))} onRevoke={setRevoking} />
      )}
      {creating && (
        <NewKeyDialog orgId={orgId} onCreated={query.reload} onClose={() => setCreating(false)} />
      )}
      {revoking !== null && (
        <RevokeDialog
          orgId={orgId}
          revoked={revoking}
          onClose={() => setRevoking(null)}
          onDone={query.reload}
        />
      )}
    </section>
  )
}

/** Finds a key by its name, or by the pasted key itself, whose first and last characters are known. Nothing is sent. */
function isSought({ name, shown }: Key, sought: string): boolean {
  const text = sought.trim()
  const [first = '', last = ''] = shown?.split('…') ?? []
  if (shown !== null && text.length > first.length && text.startsWith(first))
    return text.endsWith(last)
  return `${name} ${shown}`.toLowerCase().includes(text.toLowerCase())
}

type State = keyof ReturnType<typeof settings>['states']

function stateOf(key: Key, nowMs: number): State {
  if (key.revokedAt !== null) return 'revoked'
  if (key.expiresAt !== null && Date.parse(key.expiresAt) <= nowMs) return 'expired'
  return 'active'
}

function KeyTable({ keys, onRevoke }: { keys: readonly Key[]; onRevoke: (key: Key) => void }) {
  const now = useNow()
  const own = useStore(session)?.keyId
  return (
    <TableScroll label={settings().keysOfOrg}>
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">{settings().name}</th>
            <th scope="col">{settings().key}</th>
            <th scope="col">{settings().scope}</th>
            <th scope="col">{settings().created}</th>
            <th scope="col">{settings().lastUsed}</th>
            <th scope="col">{settings().expires}</th>
            <th scope="col">{settings().state}</th>
            <th scope="col">
              <span class="visually-hidden">{settings().actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => {
            const state = stateOf(key, now)
            const active = state === 'active'
            return (
              <tr key={key.keyId} class={active ? '' : 'muted'}>
                <th scope="row">
                  {key.name}
                  {key.keyId === own && <span class="muted"> {settings().thisOne}</span>}
                </th>
                <td class="mono">{key.shown ?? settings().notKnown}</td>
                <td>
                  {key.siteId === null ? key.scope : settings().scopeOfSite(key.scope, key.siteId)}
                </td>
                <td title={key.createdAt}>{formatAgo(Date.parse(key.createdAt), now)}</td>
                <td>
                  {key.lastUsedAt === null
                    ? common().never
                    : formatAgo(Date.parse(key.lastUsedAt), now)}
                  {key.lastUsedFrom !== null && <div class="muted">{key.lastUsedFrom}</div>}
                </td>
                <td>
                  {key.expiresAt === null
                    ? common().never
                    : formatDateTime(Date.parse(key.expiresAt))}
                </td>
                <td>
                  <span class={active ? 'badge ok' : 'badge'}>{settings().states[state]}</span>
                </td>
                <td class="number">
                  {active && (
                    <button
                      type="button"
                      class="button small"
                      aria-label={settings().revokeKey(key.name)}
                      onClick={() => onRevoke(key)}
                    >
                      {settings().revoke}
                    </button>
                  )}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </TableScroll>
  )
}

interface RevokeProps {
  readonly orgId: string
  readonly revoked: Key
  readonly onClose: () => void
  readonly onDone: () => void
}

function RevokeDialog({ orgId, revoked, onClose, onDone }: RevokeProps) {
  const own = useStore(session)?.keyId === revoked.keyId
  const { fault, run } = useAction()
  const revoke = () =>
    run(async () => {
      await revokeKey(orgId, revoked.keyId)
      toast(settings().isRevoked(revoked.name))
      onDone()
      onClose()
    })
  return (
    <Dialog title={settings().revokeQuestion(revoked.name)} onClose={onClose}>
      <p>
        {revoked.scope === 'ingest' ? settings().revokeIngest : settings().revokeOther}{' '}
        {settings().cannotUndo}
      </p>
      {own && <p class="note warn">{settings().ownKey}</p>}
      <Fault text={fault} />
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          {settings().keepIt}
        </button>
        <button type="button" class="button danger" onClick={revoke}>
          {settings().revoke}
        </button>
      </div>
    </Dialog>
  )
}
