/** Finds other meters on the same interface: two of them count everything twice. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { findLink } from '../meter/capture/links.js'
import { type Finding, finding } from './doctor-checks.js'

/** Of /proc/net/packet; 0 stands for every interface. */
const [INTERFACE_COLUMN, INODE_COLUMN] = [4, 8]

export function checkReaders(name: string): Finding {
  // Of every interface: 0.
  const index = findLink(name)?.index ?? 0
  const sockets = packetSockets(readFileSync('/proc/self/net/packet', 'utf8'), index)
  const meters = sockets.size === 0 ? [] : metersWith(sockets)
  if (meters.length > 1)
    return finding(
      'meters',
      'warning',
      `${meters.length} meters read ${name}: process ${meters.join(', ')}`,
      'Stop all but one: at one server everything is counted as often as there are meters.',
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

/** Processes that have one of them and whose command is `tunmeter meter`; those of other users are seen by root only. */
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

/** '' when it has been closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
