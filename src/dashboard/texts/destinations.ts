import { inLanguages } from './catalogue.js'
import { destinations as english } from './en/destinations.js'

export const destinations = inLanguages(
  english,
  async () => (await import('./de/destinations.js')).destinations,
)
