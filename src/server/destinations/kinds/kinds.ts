/** The kinds that there are. */
import type { Kind } from '../kind.js'
import { webhook } from './webhook.js'

export const KINDS: Readonly<Record<string, Kind>> = { webhook }
export const KIND_NAMES = Object.keys(KINDS) as [string, ...string[]]
