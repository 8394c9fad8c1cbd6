import { inLanguages } from './catalogue.js'
import { common as english } from './en/common.js'

export const common = inLanguages(english, async () => (await import('./de/first.js')).common)
