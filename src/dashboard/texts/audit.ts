import { inLanguages } from './catalogue.js'
import { audit as english } from './en/audit.js'

export const audit = inLanguages(english, async () => (await import('./de/audit.js')).audit)
