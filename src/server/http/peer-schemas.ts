/** Schemas of the answers about peers. */
import { z } from 'zod'
import { PEER_EVENT_NAMES } from '../../session/peer-event.js'
import { PEER_FIELDS, type PeerField } from '../query/peer-row.js'
import type { PeerEventRow } from '../store/store.js'

function schemaOf({ type, nullable, help }: PeerField): z.ZodType {
  const base = type === 'integer' ? z.int() : type === 'boolean' ? z.boolean() : z.string()
  return (nullable ? base.nullable() : base).meta({ description: help })
}

export const peerRowSchema = z.object({
  ...Object.fromEntries(PEER_FIELDS.map((field) => [field.name, schemaOf(field)])),
  event: z.enum(PEER_EVENT_NAMES),
})

export const peerConnectionSchema = z.object({
  from: z.string(),
  to: z.string().nullable().meta({ description: 'null: no end was reported.' }),
  state: z.enum(['connected', 'ended', 'unknown']).meta({
    description:
      '`unknown`: no end was reported, and the meter is silent or has not repeated the connection for 26 hours.',
  }),
  already: z.boolean().meta({
    description:
      'The peer was already connected at the meter’s first reading: the true beginning is unknown.',
  }),
  endpoint: z.string().nullable().meta({ description: 'The latest outer address.' }),
  endpoints: z
    .array(z.string())
    .meta({ description: 'Outer addresses in order; at most the last 20.' }),
  siteId: z.int(),
  siteName: z.string().nullable(),
  meterId: z.string(),
  interface: z.string(),
  publicKey: z.string().nullable(),
  clientId: z.int().nullable(),
  clientName: z.string().nullable(),
  userId: z.string().nullable(),
  userName: z.string().nullable(),
  userEmail: z.string().nullable(),
})

export type PeerConnectionView = z.output<typeof peerConnectionSchema>
/** A row of PEER_FIELDS, whose schema is made from a list at run time and has no static type. */
export type PeerEventView = Omit<PeerEventRow, 'timeUs' | 'handshakeUs'> & {
  readonly time: string
  readonly handshake: string | null
}
