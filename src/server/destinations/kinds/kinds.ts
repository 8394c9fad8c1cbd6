/** The kinds that there are. */
import type { Kind } from '../kind.js'
import { s3 } from './s3.js'
import { syslog } from './syslog.js'
import { webhook } from './webhook.js'

export const KINDS: Readonly<Record<string, Kind>> = { webhook, syslog, s3 }
export const KIND_NAMES = Object.keys(KINDS) as [string, ...string[]]
