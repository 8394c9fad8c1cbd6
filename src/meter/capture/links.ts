/**
 * The kernel's network interfaces, read over rtnetlink. All fields of an interface come from one answer, and from the
 * process's own network namespace, which /sys may not show. Another interface may take over a name; an index belongs to
 * one interface only.
 */
import { constants } from 'node:os'
import { AppError } from '../../base/errors.js'
import { loadAddon, type NativeLink } from './addon.js'

export type Link = NativeLink

/** libpcap's name for all interfaces at once; the kernel has no interface of this name. */
export const EVERY_INTERFACE = 'any'

/** ARPHRD_NONE: a packet is an IP packet, and the counters count IP octets. */
export const TYPE_RAW_IP = 65534
/** ARPHRD_LOOPBACK: the kernel counts each packet as sent and as received; libpcap shows it once. */
export const TYPE_LOOPBACK = 772

/** Null if there is no interface of this name. @throws AppError NETLINK_FAILED, ADDON_MISSING */
export function findLink(name: string): Link | null {
  return answered(loadAddon().findLink(name))
}

/** Like findLink(), but also null if the kernel cannot be asked now (no free descriptor, for example). */
export function findLinkNow(name: string): Link | null {
  const link = loadAddon().findLink(name)
  return typeof link === 'number' ? null : link
}

/** All names, sorted. @throws AppError NETLINK_FAILED, ADDON_MISSING */
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
