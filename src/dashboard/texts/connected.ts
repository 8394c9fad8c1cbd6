import { inLanguages } from './catalogue.js'
import { connected as english } from './en/connected.js'

export const connected = inLanguages(
  english,
  async () => (await import('./de/connected.js')).connected,
)
