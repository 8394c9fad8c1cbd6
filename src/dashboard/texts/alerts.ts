import { inLanguages } from './catalogue.js'
import { alerts as english } from './en/alerts.js'

export const alerts = inLanguages(english, async () => (await import('./de/alerts.js')).alerts)
