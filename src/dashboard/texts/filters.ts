import { inLanguages } from './catalogue.js'
import { filters as english } from './en/filters.js'

export const filters = inLanguages(english, async () => (await import('./de/first.js')).filters)
