/**
 * sd_notify(3): readiness, stopping and the watchdog, as datagrams to systemd's socket.
 *
 * Node has no datagram sockets of the AF_UNIX family, so the C library sends them. Without
 * NOTIFY_SOCKET nothing is sent. Failures are ignored, because systemd reports a message that it
 * misses.
 */
import { libc } from './libc.js'

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000
const MSG_NOSIGNAL = 0x4000
const PATH_BYTES_MAX = 107

export interface Notifier {
  ready(): void
  reloading(): void
  stopping(): void
  status(text: string): void
  /** Ends the watchdog's timer. */
  close(): void
}

const SILENT: Notifier = {
  ready: () => undefined,
  reloading: () => undefined,
  stopping: () => undefined,
  status: () => undefined,
  close: () => undefined,
}

export function createNotifier(env: NodeJS.ProcessEnv): Notifier {
  const address = socketAddress(env.NOTIFY_SOCKET ?? '')
  if (address === null) return SILENT
  const fd = libc('socket')(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0)
  const send = (text: string): void => {
    const data = Buffer.from(text)
    libc('sendto')(fd, data, data.length, MSG_NOSIGNAL, address, address.length)
  }
  const watchdog = startWatchdog(env, () => send('WATCHDOG=1'))
  return {
    ready: () => send('READY=1'),
    reloading: () => send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => send('STOPPING=1'),
    status: (text) => send(`STATUS=${text.replaceAll('\n', ' ')}`),
    close() {
      clearInterval(watchdog)
      libc('close')(fd)
    },
  }
}

/**
 * sockaddr_un: family, then the path, or a zero byte and the abstract name. Null for other texts.
 */
function socketAddress(path: string): Buffer | null {
  if (!/^[@/]/.test(path) || Buffer.byteLength(path) > PATH_BYTES_MAX) return null
  const family = Buffer.from([AF_UNIX, 0])
  if (path.startsWith('@')) return Buffer.concat([family, Buffer.from(`\0${path.slice(1)}`)])
  return Buffer.concat([family, Buffer.from(`${path}\0`)])
}

/**
 * Feeds the watchdog from the event loop, so that a hanging loop stops feeding it. Twice as often
 * as asked, as sd_watchdog_enabled(3) advises.
 */
function startWatchdog(env: NodeJS.ProcessEnv, feed: () => void): NodeJS.Timeout | undefined {
  const us = Number(env.WATCHDOG_USEC)
  const forUs = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid
  if (!(us > 0) || !forUs) return undefined
  feed()
  return setInterval(feed, us / 2e3).unref()
}
