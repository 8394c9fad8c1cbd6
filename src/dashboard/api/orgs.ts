/** Which organisations the key may see: its own, or for a root key all of them. */

import { useStore } from '../state/store.js'
import { request } from './client.js'
import { session } from './session.js'
import { useQuery } from './use-query.js'

export function useOrgs(): readonly string[] | undefined {
  const info = useStore(session)
  const own = info?.orgId ?? null
  const all = useQuery(info && own === null ? 'orgs' : null, (signal) =>
    request<{ orgs: readonly { orgId: string }[] }>('/orgs', { signal }),
  )
  if (own !== null) return [own]
  return all.data?.orgs.map(({ orgId }) => orgId)
}

/** `org=` in the address bar; without it the first. */
export function orgOf(
  orgs: readonly string[] | undefined,
  params: URLSearchParams,
): string | undefined {
  const wanted = params.get('org')
  return orgs?.find((org) => org === wanted) ?? orgs?.[0]
}
