import { inLanguages } from './catalogue.js'
import { sites as english } from './en/sites.js'

export const sites = inLanguages(english, async () => (await import('./de/sites.js')).sites)
