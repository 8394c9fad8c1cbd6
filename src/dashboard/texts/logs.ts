import { inLanguages } from './catalogue.js'
import { logs as english } from './en/logs.js'

export const logs = inLanguages(english, async () => (await import('./de/first.js')).logs)
