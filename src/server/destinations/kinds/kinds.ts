/** All kinds of destinations. */
import { type EventBody, jsonOf } from '../events.js'
import { FORMATS } from '../formats/formats.js'
import { PEER_FORMATS } from '../formats/peers.js'
import type { Kind } from '../kind.js'
import { PSEUDONYM_KEY, pseudonymKeySecret } from '../pseudonyms.js'
import type { DestinationRecord } from '../records.js'
import { isPeer, type SentRow } from '../rows.js'
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

type Chosen = Pick<DestinationRecord, 'kind' | 'settings' | 'columns'>
type Events<Body> = (rows: readonly SentRow[], isTest?: boolean) => Body[]

/** Events as JSON, to show them. Records of earlier versions name no format; they use `native`. */
export function textsOf({ kind, settings, columns }: Chosen): Events<string> {
  const { writer, peerWriter } = KINDS[kind]!
  const format = (settings.events as string | undefined) ?? 'native'
  const write = (writer ?? FORMATS[format]!)(columns)
  const writePeer = (peerWriter ?? PEER_FORMATS[format]!)(columns)
  return (rows, isTest) =>
    jsonOf(rows.map((row) => (isPeer(row) ? writePeer(row, isTest) : write(row, isTest))))
}

/** Events as the receiver of the destination expects them. */
export function bodiesOf(chosen: Chosen): Events<EventBody> {
  const { kind, settings, columns } = chosen
  const encode = KINDS[kind]!.encoder?.(settings, columns)
  if (encode === undefined) return textsOf(chosen)
  return (rows, isTest) => rows.map((row) => encode(row, isTest))
}
