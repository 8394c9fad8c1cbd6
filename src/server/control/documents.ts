/**
 * Small records of organisations beside settings and keys: saved views, alerts and their states.
 *
 * A document belongs to an organisation, and may have a key as its owner. It is removed with either.
 */

export const DOCUMENT_KINDS = ['view', 'alert', 'alertState'] as const
export type DocumentKind = (typeof DOCUMENT_KINDS)[number]

export interface DocumentPlace {
  readonly kind: DocumentKind
  readonly orgId: string
  /** The id of a key; '' for the organisation's own documents. */
  readonly owner: string
  readonly id: string
}

export interface DocumentBounds {
  /** Documents of this kind that an owner may have in the organisation. */
  readonly ofOwner: number
  /** Documents of this kind that an organisation may have. */
  readonly ofOrg: number
}

export interface Documents {
  /** In the order of their ids. */
  of<T>(kind: DocumentKind, orgId: string, owner: string): Promise<T[]>
  /** Of all organisations and owners. */
  all<T>(kind: DocumentKind): Promise<T[]>
  /**
   * Writes a document. Its caller bounds its size.
   * @returns false: it is new, and one of the bounds is reached
   * @throws AppError ORG_REMOVED if there is no such organisation
   */
  put(place: DocumentPlace, value: unknown, bounds: DocumentBounds): Promise<boolean>
  /** @returns whether it was there */
  remove(place: DocumentPlace): Promise<boolean>
}
