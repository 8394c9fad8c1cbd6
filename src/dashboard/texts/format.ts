import { inLanguages } from './catalogue.js'
import { format as english } from './en/format.js'

export const format = inLanguages(english, async () => (await import('./de/first.js')).format)
