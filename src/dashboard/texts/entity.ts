import { inLanguages } from './catalogue.js'
import { entity as english } from './en/entity.js'

export const entity = inLanguages(english, async () => (await import('./de/entity.js')).entity)
