/** Finds other meters on the same interface: two of them count everything twice. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { findLink } from '../meter/capture/links.js'
import { type Finding, finding } from './doctor-checks.js'

/** Columns of /proc/net/packet. */
const [INTERFACE_COLUMN, INODE_COLUMN] = [4, 8]

export function checkReaders(name: string): Finding {
  // 0 stands for every interface.
  const index = findLink(name)?.index ?? 0
  const sockets = packetSockets(readFileSync('/proc/self/net/packet', 'utf8'), index)
  const meters = sockets.size === 0 ? [] : metersWith(sockets)
  if (meters.length > 1)
    return finding(
      'meters',
      'warning',
      `${meters.length} meters read ${name}: process ${meters.join(', ')}`,
      'Stop all but one: the server counts each session once for each meter.',
    )
  const about =
    meters.length === 0 ? `no meter reads ${name}` : `process ${meters[0]} reads ${name}`
  return finding('meters', 'ok', about)
}

/** Inodes of the packet sockets on the interface. */
export function packetSockets(table: string, index: number): Set<string> {
  const rows = table
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
  const onIt = rows.filter((row) => [index, 0].includes(Number(row[INTERFACE_COLUMN])))
  return new Set(onIt.flatMap((row) => row[INODE_COLUMN] ?? []))
}

/** Processes of `tunmeter meter` that have one of these sockets. Only root sees those of other users. */
function metersWith(sockets: ReadonlySet<string>): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => isMeter(pid) && holds(pid, sockets)).map(Number)
}

function isMeter(pid: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return words.slice(1, 4).includes('meter')
  } catch {
    return false
  }
}

function holds(pid: string, sockets: ReadonlySet<string>): boolean {
  try {
    const directory = `/proc/${pid}/fd`
    return readdirSync(directory).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`${directory}/${fd}`))?.[1]
      return inode !== undefined && sockets.has(inode)
    })
  } catch {
    return false
  }
}

/** '' when the descriptor has been closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
