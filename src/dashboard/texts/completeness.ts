import { inLanguages } from './catalogue.js'
import { completeness as english } from './en/completeness.js'

export const completeness = inLanguages(
  english,
  async () => (await import('./de/first.js')).completeness,
)
