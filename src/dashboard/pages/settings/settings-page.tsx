/** The settings: retention, keys, and the catalog. */
import { session } from '../../api/session.js'
import { useStore } from '../../state/store.js'
import { CatalogSection } from './catalog-section.js'
import { KeysSection } from './keys-section.js'
import { RetentionSection } from './retention-section.js'

export function SettingsPage({ orgId }: { orgId: string }) {
  const info = useStore(session)
  const mayChange = info?.scope === 'admin' || info?.scope === 'root'
  return (
    <div class="page settings">
      <div class="page-head">
        <h1>Settings</h1>
        <span class="muted hint">
          Organisation {orgId}
          {!mayChange && '. A read key sees settings; an admin key may change them.'}
        </span>
      </div>
      <RetentionSection orgId={orgId} mayChange={mayChange} />
      {mayChange && <KeysSection orgId={orgId} />}
      <CatalogSection orgId={orgId} />
    </div>
  )
}
