/** The facts that a figure needs: commit, machine, versions. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'

export interface Machine {
  readonly commit: string
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  /** Load before the run; above 0.5 the figures include other work. */
  readonly load1: number
}

/** The first line of a command's output, or of its error. */
export function firstLine(command: string, args: readonly string[]): string {
  try {
    const output = execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return output.split('\n')[0]!.trim()
  } catch (error) {
    return String(error).split('\n')[0]!
  }
}

export function describeMachine(): Machine {
  const dirty = firstLine('git', ['status', '--porcelain', '--untracked-files=no']) !== ''
  return {
    commit: `${firstLine('git', ['rev-parse', '--short', 'HEAD'])}${dirty ? '-dirty' : ''}`,
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
    node: process.version,
    load1: loadavg()[0]!,
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
