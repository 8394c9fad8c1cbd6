import { type Filters, filterPatch } from '../../state/filters.js'
import { currentLocation, hrefOf, patched } from '../../state/url.js'

/** A link to the log in the current time range, under the current filters and these. */
export function logsHref(filters: Filters, sort: string | null = null): string {
  const { params } = currentLocation()
  return hrefOf(
    '/',
    patched(params, { ...filterPatch({ ...filters }), sort, by: null, month: null }),
  )
}
