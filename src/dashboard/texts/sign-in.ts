import { inLanguages } from './catalogue.js'
import { signIn as english } from './en/sign-in.js'

export const signIn = inLanguages(english, async () => (await import('./de/first.js')).signIn)
