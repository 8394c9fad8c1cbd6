/** The settings: retention, keys, and the catalog. */

import { session } from '../../api/session.js'
import { useStore } from '../../state/store.js'
import { settings } from '../../texts/settings.js'
import { CatalogSection } from './catalog-section.js'
import { KeysSection } from './keys-section.js'
import { RetentionSection } from './retention-section.js'

export function SettingsPage({ orgId }: { orgId: string }) {
  const info = useStore(session)
  const mayChange = info?.scope === 'admin' || info?.scope === 'root'
  return (
    <div class="page settings">
      <div class="page-head">
        <h1>{settings().title}</h1>
        <span class="muted hint">
          {settings().organisation(orgId)}
          {!mayChange && settings().readOnly}
        </span>
      </div>
      <RetentionSection orgId={orgId} mayChange={mayChange} />
      {mayChange && <KeysSection orgId={orgId} />}
      <CatalogSection orgId={orgId} />
    </div>
  )
}
