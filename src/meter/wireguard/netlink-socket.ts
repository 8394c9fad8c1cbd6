/**
 * Asks the kernel for a WireGuard device over generic netlink. It calls libc's socket functions through koffi, so it
 * needs neither `wg` nor an addon. koffi is loaded on first use.
 *
 * The calls block, but not for long, because the kernel makes a dump's answer inside recv() itself.
 */
import { constants } from 'node:os'
import { AppError, messageOf } from '../../base/errors.js'
import type { WireGuardDevice } from './device.js'
import {
  badAnswer,
  buildRequest,
  eachAttribute,
  GENL_ID_CTRL,
  numberOf,
  parseDatagram,
  textAttribute,
} from './netlink.js'
import {
  DeviceAnswer,
  getDeviceAttributes,
  WG_CMD_GET_DEVICE,
  WG_GENL_NAME,
  WG_GENL_VERSION,
} from './netlink-device.js'

const { EPERM, EACCES, ENODEV, ENOENT, EOPNOTSUPP } = constants.errno
const AF_NETLINK = 16
const SOCK_RAW_CLOEXEC = 3 | 0x80000
const NETLINK_GENERIC = 16
const SOL_SOCKET = 1
const SO_RCVTIMEO = 20
const RECEIVE_TIMEOUT_SECONDS = 5n
const CTRL_CMD_GETFAMILY = 3
const CTRL_ATTR_FAMILY_ID = 1
const CTRL_ATTR_FAMILY_NAME = 2
/** Must be above the largest dump datagram that the kernel makes (32 KiB). */
const DATAGRAM_BYTES_MAX = 64 * 1024
/** A dump starts again if peers came or went during it. The last attempt is taken as it is. */
const DUMP_ATTEMPTS = 3

interface Libc {
  readonly socket: (domain: number, type: number, protocol: number) => number
  readonly setsockopt: (
    fd: number,
    level: number,
    name: number,
    value: Buffer,
    length: number,
  ) => number
  readonly send: (fd: number, bytes: Buffer, length: number, flags: number) => number
  readonly recv: (fd: number, bytes: Buffer, length: number, flags: number) => number
  readonly close: (fd: number) => number
  readonly errno: () => number
}

let libc: Libc | undefined

async function loadLibc(): Promise<Libc> {
  if (libc !== undefined) return libc
  try {
    const { default: koffi } = await import('koffi')
    const library = koffi.load(null)
    libc = {
      socket: library.func('int socket(int, int, int)'),
      setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)'),
      send: library.func('long send(int, const void *, size_t, int)'),
      recv: library.func('long recv(int, _Out_ void *, size_t, int)'),
      close: library.func('int close(int)'),
      errno: () => koffi.errno(),
    }
    return libc
  } catch (error) {
    throw new AppError(
      'NETLINK_UNAVAILABLE',
      `koffi, which calls libc, did not load: ${messageOf(error)}`,
      {
        hint: 'Run npm install again; koffi has prebuilt files for this platform or builds itself.',
        cause: error,
      },
    )
  }
}

/** The number that the kernel gave a generic netlink family; null if it has no family of that name. */
export async function readFamily(name: string): Promise<number | null> {
  const socket = new GenericSocket(await loadLibc())
  try {
    return socket.family(name)
  } finally {
    socket.close()
  }
}

/** Null if the kernel has no WireGuard or the interface is not one of its devices. */
export async function readNetlink(interfaceName: string): Promise<WireGuardDevice | null> {
  const socket = new GenericSocket(await loadLibc())
  try {
    const family = socket.family(WG_GENL_NAME)
    return family === null ? null : socket.device(family, interfaceName)
  } finally {
    socket.close()
  }
}

class GenericSocket {
  readonly #libc: Libc
  readonly #fd: number
  readonly #buffer = Buffer.alloc(DATAGRAM_BYTES_MAX)
  #sequence = 0

  constructor(calls: Libc) {
    this.#libc = calls
    this.#fd = calls.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_GENERIC)
    if (this.#fd < 0) throw failure('opening a netlink socket', calls.errno())
    const timeout = Buffer.alloc(16)
    timeout.writeBigInt64LE(RECEIVE_TIMEOUT_SECONDS, 0)
    calls.setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length)
  }

  close(): void {
    this.#buffer.fill(0)
    this.#libc.close(this.#fd)
  }

  /** The number that the kernel gave the family; null if it has no family of that name. */
  family(name: string): number | null {
    const attributes = textAttribute(CTRL_ATTR_FAMILY_NAME, name)
    this.#send(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, false, attributes)
    const { messages, errno } = parseDatagram(this.#receive(), this.#sequence)
    if (errno === ENOENT) return null
    if (errno !== 0) throw failure(`asking for the netlink family ${name}`, errno)
    let id: number | undefined
    for (const message of messages)
      eachAttribute(message.attributes, (type, payload) => {
        if (type === CTRL_ATTR_FAMILY_ID) id = numberOf(payload)
      })
    if (id === undefined) throw badAnswer('a family without a number', 0)
    return id
  }

  device(family: number, interfaceName: string): WireGuardDevice | null {
    for (let attempt = 1; ; attempt++) {
      const { answer, errno, interrupted } = this.#dump(family, interfaceName)
      if (errno === ENODEV || errno === EOPNOTSUPP) return null
      if (errno !== 0) throw failure(`asking for the peers of ${interfaceName}`, errno)
      if (!interrupted || attempt === DUMP_ATTEMPTS) return answer.device()
    }
  }

  #dump(family: number, interfaceName: string) {
    const attributes = getDeviceAttributes(interfaceName)
    this.#send(family, WG_CMD_GET_DEVICE, WG_GENL_VERSION, true, attributes)
    const answer = new DeviceAnswer(interfaceName)
    let interrupted = false
    for (;;) {
      const got = answer.add(this.#receive(), this.#sequence)
      interrupted ||= got.interrupted
      if (got.done) return { answer, errno: got.errno, interrupted }
    }
  }

  #send(family: number, command: number, version: number, dump: boolean, attributes: Buffer): void {
    const sequence = ++this.#sequence
    const request = buildRequest({ family, command, version, sequence, dump, attributes })
    if (this.#libc.send(this.#fd, request, request.length, 0) !== request.length)
      throw failure('asking over netlink', this.#libc.errno())
  }

  /** Returns a view of the only buffer, valid until the next call. */
  #receive(): Buffer {
    const length = this.#libc.recv(this.#fd, this.#buffer, this.#buffer.length, 0)
    if (length < 0) throw failure('reading a netlink answer', this.#libc.errno())
    return this.#buffer.subarray(0, length)
  }
}

function failure(doing: string, errno: number): AppError {
  const [name = `errno ${errno}`] =
    Object.entries(constants.errno).find(([, number]) => number === errno) ?? []
  if (errno === EPERM || errno === EACCES)
    return new AppError('NO_PERMISSION', `${doing}: no permission (${name})`, {
      hint: "Reading a kernel WireGuard's peers needs CAP_NET_ADMIN: run as root or add AmbientCapabilities=CAP_NET_ADMIN.",
      facts: { errno },
    })
  return new AppError('NETLINK_FAILED', `${doing}: ${name}`, { facts: { errno } })
}
