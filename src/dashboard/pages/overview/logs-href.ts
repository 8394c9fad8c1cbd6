import { type Filters, filterPatch } from '../../state/filters.js'
import { currentLocation, hrefOf, patched } from '../../state/url.js'

/** The log in the time range and under the filters that are shown, and these. */
export function logsHref(filters: Filters, sort: string | null = null): string {
  const { params } = currentLocation()
  return hrefOf(
    '/',
    patched(params, { ...filterPatch({ ...filters }), sort, by: null, month: null }),
  )
}
