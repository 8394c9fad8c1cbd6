import { inLanguages } from './catalogue.js'
import { faults as english } from './en/faults.js'

export const faults = inLanguages(english, async () => (await import('./de/first.js')).faults)
