import { inLanguages } from './catalogue.js'
import { usage as english } from './en/usage.js'

export const usage = inLanguages(english, async () => (await import('./de/usage.js')).usage)
