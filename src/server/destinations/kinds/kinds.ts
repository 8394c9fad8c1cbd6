/** The kinds that there are. */
import type { EventWriter } from '../events.js'
import { FORMATS } from '../formats/formats.js'
import type { Kind } from '../kind.js'
import { PSEUDONYM_KEY, pseudonymKeySecret } from '../pseudonyms.js'
import type { DestinationRecord } from '../records.js'
import { elasticsearch } from './elasticsearch.js'
import { otlp } from './otlp.js'
import { s3 } from './s3.js'
import { splunk } from './splunk.js'
import { syslog } from './syslog.js'
import { webhook } from './webhook.js'

export const KINDS: Readonly<Record<string, Kind>> = {
  ...{ webhook, syslog, s3, elasticsearch, otlp, splunk },
}
export const KIND_NAMES = Object.keys(KINDS) as [string, ...string[]]

/** Its own, and those that each kind has. */
export function secretsOf(kind: string): Kind['secrets'] {
  return { ...KINDS[kind]!.secrets, [PSEUDONYM_KEY]: pseudonymKeySecret }
}

/** What makes the events of a destination. A record of an earlier version does not name a format. */
export function writerOf({ kind, settings, columns }: DestinationRecord): EventWriter {
  const own = KINDS[kind]!.writer
  return (own ?? FORMATS[(settings.events as string | undefined) ?? 'native']!)(columns)
}
