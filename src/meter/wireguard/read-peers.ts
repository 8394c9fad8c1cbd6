/** Reads the peers of an interface from the kernel or from a userspace WireGuard. */
import { AppError } from '../../base/errors.js'
import { EVERY_INTERFACE, findLink, linkNames } from '../capture/links.js'
import type { WireGuardDevice } from './device.js'
import { readNetlink } from './netlink-socket.js'
import { readUapi } from './uapi-socket.js'

/**
 * Asks the kernel first, because a userspace WireGuard may have left a stale socket of the same name. Throws AppError
 * INTERFACE_MISSING, NOT_WIREGUARD, NO_PERMISSION, or the readers' errors.
 */
export async function readPeers(
  interfaceName: string,
  signal?: AbortSignal,
): Promise<WireGuardDevice> {
  let kernelFailure: unknown
  const kernel = await readNetlink(interfaceName).catch((error: unknown) => {
    // A sidecar without CAP_NET_ADMIN may still be allowed to use the socket.
    kernelFailure = error
    return null
  })
  const device = kernel ?? (await readUapi(interfaceName, { signal }))
  if (device !== null) return device
  const link = interfaceName === EVERY_INTERFACE ? undefined : findLink(interfaceName)
  if (link === null)
    throw new AppError('INTERFACE_MISSING', `there is no interface ${interfaceName}`, {
      hint: `There are: ${linkNames().join(', ')}.`,
    })
  if (kernelFailure !== undefined && link?.kind === 'wireguard') throw kernelFailure
  throw new AppError(
    'NOT_WIREGUARD',
    `${interfaceName} is not a WireGuard interface with readable peers`,
    {
      hint: 'The meter still records its sessions. Name clients by their addresses in the catalog.',
    },
  )
}
