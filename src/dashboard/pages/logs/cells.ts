/** The values of table cells and of lines in the details, for their buttons: filter, exclude, copy, open the page. */

import type { LogRow } from '../../api/types.js'
import { outcomeWords } from '../../format/words.js'
import { type Choice, choiceOf } from '../../parts/filters/change.js'
import { ENTITY_KINDS, type Entity } from '../../state/entity.js'
import { common } from '../../texts/common.js'
import { session } from '../../texts/session.js'

export const LIVE_CELLS = [
  'outcome',
  'resource',
  'client',
  'user',
  'source',
  'dest',
  'protocol',
  'site',
] as const
export type LiveCell = (typeof LIVE_CELLS)[number]

export interface Cell {
  readonly choice: Choice
  /** For the labels of the buttons, and for the clipboard. */
  readonly text: string
  readonly page?: Entity | undefined
}

export function isLive(name: string | undefined): name is LiveCell {
  return LIVE_CELLS.some((one) => one === name)
}

/** The IP address in `10.8.0.2:51000`, `[fd00::1]:51000`, `10.8.0.2` or `fd00::1`. */
function ipOf(address: string): string {
  const [, inBrackets] = /^\[([^\]]+)\]/.exec(address) ?? []
  if (inBrackets !== undefined) return inBrackets
  const parts = address.split(':')
  return parts.length === 2 ? parts[0]! : address
}

export function cellOf(name: LiveCell, row: LogRow): Cell {
  const kind = ENTITY_KINDS.find((one) => one === name)
  const cell = plainCell(name, row)
  const id = cell.choice.value === null ? undefined : cell.choice.filter?.value
  return kind === undefined || id === undefined ? cell : { ...cell, page: { kind, id } }
}

function plainCell(name: LiveCell, row: LogRow): Cell {
  switch (name) {
    case 'outcome':
      return outcomeCell(row)
    case 'resource':
      return {
        choice: choiceOf('resource', 'siteResourceId', {
          id: row.siteResourceId,
          name: row.resourceName,
        }),
        text:
          row.resourceName ??
          (row.siteResourceId === null
            ? row.destAddr
            : common().unnamed.resource(row.siteResourceId)),
      }
    case 'client':
      return {
        choice: choiceOf('client', 'clientId', { id: row.clientId, name: row.clientName }),
        text:
          row.clientName ??
          (row.clientId === null ? row.sourceAddr : common().unnamed.client(row.clientId)),
      }
    case 'user':
      return {
        choice: choiceOf('user', 'userId', { id: row.userId, name: row.userEmail ?? row.userName }),
        text: row.userEmail ?? row.userName ?? row.userId ?? session().noUser,
      }
    case 'site':
      return {
        choice: choiceOf('site', 'siteId', { id: row.siteId, name: row.siteName }),
        text: row.siteName ?? common().unnamed.site(row.siteId ?? '–'),
      }
    case 'source': {
      // Without its port, which differs in each session.
      const value = ipOf(row.sourceAddr)
      return {
        choice: { key: 'source', value, filter: { name: 'sourceAddr', value } },
        text: row.sourceAddr,
      }
    }
    case 'dest': {
      const value = row.destAddr
      return { choice: { key: 'dest', value, filter: { name: 'destAddr', value } }, text: value }
    }
    case 'protocol': {
      const value = row.protocol
      return {
        choice: { key: 'protocol', value, filter: { name: 'protocol', value } },
        text: value,
      }
    }
  }
}

function outcomeCell(row: LogRow): Cell {
  const text = outcomeWords(row).label
  if (row.duration === null) return { choice: { key: 'outcome', value: 'open' }, text }
  const value = row.connState
  if (value === null) return { choice: { key: 'outcome', value: 'closed' }, text }
  return { choice: { key: 'outcome', value, filter: { name: 'connState', value } }, text }
}
