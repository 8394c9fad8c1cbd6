import { FILTERS, type FilterName } from '../../state/filters.js'

/** The refused filter: the API's message begins with the parameter's name. */
export function refusedFilter(message: string): FilterName | undefined {
  const name = /^(\w+):/.exec(message)?.[1]
  return FILTERS.find((filter) => filter === name)
}
