/**
 * The kernel's network interfaces, over rtnetlink: what is said of one comes from one answer, of the process' own network
 * namespace, whatever /sys shows. A name may be another interface's a moment later; the index is one interface's alone.
 */
import { constants } from 'node:os'
import { AppError } from '../../base/errors.js'
import { loadAddon, type NativeLink } from './addon.js'

export type Link = NativeLink

/** libpcap's name for all interfaces at once; the kernel has none of this name. */
export const EVERY_INTERFACE = 'any'

/** ARPHRD_NONE: a packet is an IP packet, and the counters count IP octets. */
export const TYPE_RAW_IP = 65534
/** Counts each packet twice, sent and received; libpcap shows it once. */
export const TYPE_LOOPBACK = 772

/** Null when there is none of this name. @throws AppError NETLINK_FAILED, ADDON_MISSING */
export function findLink(name: string): Link | null {
  return answered(loadAddon().findLink(name))
}

/** The same for what goes on meanwhile: null as well when the kernel cannot be asked now, as without a descriptor. */
export function findLinkNow(name: string): Link | null {
  const link = loadAddon().findLink(name)
  return typeof link === 'number' ? null : link
}

/** Names, in order. @throws AppError NETLINK_FAILED, ADDON_MISSING */
export function linkNames(): string[] {
  return answered(loadAddon().listLinks()).sort()
}

function answered<T>(answer: T | number): T {
  if (typeof answer !== 'number') return answer
  const [name = `errno ${answer}`] =
    Object.entries(constants.errno).find(([, number]) => number === answer) ?? []
  throw new AppError('NETLINK_FAILED', `asking the kernel for its interfaces: ${name}`, {
    hint: 'The meter needs AF_NETLINK: allow it in the container, or in RestrictAddressFamilies of the unit.',
    facts: { errno: answer },
  })
}
