import { inLanguages } from './catalogue.js'
import { settings as english } from './en/settings.js'

export const settings = inLanguages(
  english,
  async () => (await import('./de/settings.js')).settings,
)
