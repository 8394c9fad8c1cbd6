/** The peers of an interface, whichever WireGuard it is. */
import { existsSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { AppError } from '../../base/errors.js'
import type { WireGuardDevice } from './device.js'
import { readNetlink } from './netlink-socket.js'
import { readUapi } from './uapi-socket.js'

/**
 * The kernel is asked first: a socket that a userspace WireGuard left behind under the same name means nothing
 * then. Throws AppError INTERFACE_MISSING, NOT_WIREGUARD, NO_PERMISSION, or what the readers throw.
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
  if (kernelFailure !== undefined && isKernelWireGuard(interfaceName)) throw kernelFailure
  throw notWireGuard(interfaceName)
}

function isKernelWireGuard(interfaceName: string): boolean {
  try {
    const uevent = readFileSync(`/sys/class/net/${interfaceName}/uevent`, 'utf8')
    return uevent.includes('DEVTYPE=wireguard\n')
  } catch {
    return false
  }
}

function notWireGuard(interfaceName: string): AppError {
  const known = Object.keys(networkInterfaces())
  if (!existsSync(`/sys/class/net/${interfaceName}`) && !known.includes(interfaceName))
    return new AppError('INTERFACE_MISSING', `there is no interface ${interfaceName}`, {
      hint: `There are: ${known.join(', ')}.`,
    })
  return new AppError(
    'NOT_WIREGUARD',
    `${interfaceName} is not a WireGuard interface that can be asked for its peers`,
    {
      hint: 'Its sessions are measured all the same; name clients by their addresses in the catalog.',
    },
  )
}
