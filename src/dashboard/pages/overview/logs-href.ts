import { type Filters, onlyFilters } from '../../state/filters.js'
import { currentLocation, hrefOf, patched } from '../../state/url.js'

/** The log under these filters, in the time range that is shown. */
export function logsHref(filters: Filters, sort: string | null = null): string {
  const { params } = currentLocation()
  return hrefOf('/', patched(params, { ...onlyFilters(filters), sort, by: null, month: null }))
}
