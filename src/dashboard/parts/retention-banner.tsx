/** A warning on every page while retention is off, because everything else looks well although nothing is stored. */
import { fetchSettings, settingsVersion } from '../api/admin.js'
import { useQuery } from '../api/use-query.js'
import { useStore } from '../state/store.js'
import { followLink, hrefOf, useLocation } from '../state/url.js'
import { common } from '../texts/common.js'

export function RetentionBanner({ orgId }: { orgId: string }) {
  const version = useStore(settingsVersion)
  const { path, params } = useLocation()
  const key = `settings ${orgId} ${version} ${path}`
  const { data } = useQuery(key, (signal) => fetchSettings(orgId, signal))
  return (
    <div role="status">
      {data?.retentionDays === 0 && (
        <div class="banner wrong">
          <span>{common().retentionOff}</span>
          <a href={hrefOf('/settings', { org: params.get('org') })} onClick={followLink}>
            {common().retention}
          </a>
        </div>
      )}
    </div>
  )
}
