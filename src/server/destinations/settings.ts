/** Settings that several kinds have. */
import { z } from 'zod'

const URL_CHARACTERS_MAX = 2000
const CA_CHARACTERS_MAX = 100_000

export function urlSchema(...protocols: readonly string[]) {
  return z
    .string()
    .max(URL_CHARACTERS_MAX)
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol.slice(0, -1)),
      `expected an address that begins with ${protocols.map((one) => `${one}://`).join(' or ')}`,
    )
    .refine((text) => {
      if (!URL.canParse(text)) return true
      const { username, password, hash } = new URL(text)
      return username + password + hash === ''
    }, 'expected an address without user, password and #fragment')
}

export const caSchema = z
  .string()
  .max(CA_CHARACTERS_MAX)
  .refine((text) => text.includes('-----BEGIN CERTIFICATE-----'), 'expected certificates as PEM')
  .optional()
  .meta({ description: 'Authorities (PEM) that are trusted in place of the system’s.' })
