/** The organisations that the key may see: its own, or all of them for a root key. */

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

/** The organisation of `org=` in the address bar; the first when it is absent or unknown. */
export function orgOf(
  orgs: readonly string[] | undefined,
  params: URLSearchParams,
): string | undefined {
  const wanted = params.get('org')
  return orgs?.find((org) => org === wanted) ?? orgs?.[0]
}
