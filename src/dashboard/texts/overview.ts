import { inLanguages } from './catalogue.js'
import { overview as english } from './en/overview.js'

export const overview = inLanguages(
  english,
  async () => (await import('./de/overview.js')).overview,
)
