/** All kinds of destinations. */
import type { EventWriter } from '../events.js'
import { FORMATS } from '../formats/formats.js'
import { PEER_FORMATS, type PeerWriter } from '../formats/peers.js'
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

/** The secrets of the kind, and the one that all kinds share. */
export function secretsOf(kind: string): Kind['secrets'] {
  return { ...KINDS[kind]!.secrets, [PSEUDONYM_KEY]: pseudonymKeySecret }
}

/** The event writer of a destination. Records of earlier versions name no format; they use `native`. */
export function writerOf({ kind, settings, columns }: DestinationRecord): EventWriter {
  const own = KINDS[kind]!.writer
  return (own ?? FORMATS[(settings.events as string | undefined) ?? 'native']!)(columns)
}

/** The same for a destination of events of peers. */
export function peerWriterOf({ kind, settings, columns }: DestinationRecord): PeerWriter {
  const own = KINDS[kind]!.peerWriter
  return (own ?? PEER_FORMATS[(settings.events as string | undefined) ?? 'native']!)(columns)
}
