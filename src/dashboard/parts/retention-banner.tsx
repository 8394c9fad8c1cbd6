/** On every page: while the logs are off, everything that comes is thrown away, and all else looks well. */
import { fetchSettings, settingsVersion } from '../api/admin.js'
import { useQuery } from '../api/use-query.js'
import { useStore } from '../state/store.js'
import { followLink, hrefOf, useLocation } from '../state/url.js'

export function RetentionBanner({ orgId }: { orgId: string }) {
  const version = useStore(settingsVersion)
  const { path, params } = useLocation()
  const key = `settings ${orgId} ${version} ${path}`
  const { data } = useQuery(key, (signal) => fetchSettings(orgId, signal))
  return (
    <div role="status">
      {data?.retentionDays === 0 && (
        <div class="banner wrong">
          <span>Connection logs are off: what the sites report now is thrown away.</span>
          <a href={hrefOf('/settings', { org: params.get('org') })} onClick={followLink}>
            Retention
          </a>
        </div>
      )}
    </div>
  )
}
