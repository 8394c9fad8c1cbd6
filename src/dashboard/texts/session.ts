import { inLanguages } from './catalogue.js'
import { session as english } from './en/session.js'

export const session = inLanguages(english, async () => (await import('./de/first.js')).session)
