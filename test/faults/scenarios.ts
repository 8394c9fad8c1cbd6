/** The scenarios of the fault runner; docs/delivery.md names them by their letters. */
import { badDisk } from './bad-disk.js'
import { diskFull } from './disk-full.js'
import { killRun } from './kills.js'
import { lives } from './lives.js'
import { runInNamespace } from './namespaces.js'
import { powerCut } from './power-cut.js'
import type { Random } from './random.js'
import { serverKills } from './server-kills.js'

export interface Result {
  readonly passed: boolean
  /** Why it could not be run; counts as failed where it must run (CI). */
  readonly skipped?: string
  readonly facts: Readonly<Record<string, unknown>>
}

export interface Scenario {
  readonly id: string
  readonly title: string
  readonly run: (directory: string, random: Random, long: boolean) => Promise<Result>
}

const kills = (long: boolean): number => (long ? 150 : 12)

export const SCENARIOS: readonly Scenario[] = [
  {
    id: 'a',
    title: 'meter killed',
    run: (directory, random, long) =>
      killRun(
        { killMeter: true, killServer: false, wild: false, kills: kills(long) },
        directory,
        random,
      ),
  },
  {
    id: 'b',
    title: 'server killed',
    run: (directory, random, long) =>
      killRun(
        { killMeter: false, killServer: true, wild: false, kills: kills(long) },
        directory,
        random,
      ),
  },
  {
    id: 'c',
    title: 'both killed, requests cut, delayed and duplicated',
    run: (directory, random, long) =>
      killRun(
        { killMeter: true, killServer: true, wild: true, kills: kills(long) },
        directory,
        random,
      ),
  },
  {
    id: 'd',
    title: 'power cut while the spool is written',
    run: (directory, random, long) => powerCut(directory, random, long ? 400 : 40),
  },
  { id: 'e', title: 'disk full and back', run: diskFull },
  {
    id: 'f',
    title: 'interface down, deleted and made again',
    run: async (directory, _random, long) =>
      runInNamespace('flaps-inside.ts', directory, long ? '40' : '6'),
  },
  { id: 'g', title: 'disk slow, read-only, and well again', run: badDisk },
  {
    id: 'h',
    title: 'live meter killed, requests cut, delayed and duplicated',
    run: async (directory, random, long) => {
      const seed = String(Math.floor(random.next() * 2 ** 32))
      return runInNamespace('live-kills-inside.ts', directory, long ? '150' : '6', seed)
    },
  },
  {
    id: 'i',
    title: 'JavaScript stalled for 10 s at full rate, server away, spool full',
    run: async (directory) => runInNamespace('stall-inside.ts', directory),
  },
  { id: 'j', title: 'spool restored, copied, and new under one meter id', run: lives },
  {
    id: 'k',
    title: 'SIGTERM with very many open sessions and a server that hangs',
    run: async (directory, _random, long) =>
      runInNamespace('sigterm-inside.ts', directory, long ? '1400000' : '1000000'),
  },
  {
    id: 'l',
    title: 'interfaces that come and go',
    run: async (directory, _random, long) =>
      runInNamespace('churn-inside.ts', directory, long ? '2000' : '80'),
  },
  {
    id: 'm',
    title: 'wall clock set forward and back by an hour',
    run: async (directory, _random, long) =>
      runInNamespace('clock-inside.ts', directory, long ? '20' : '4'),
  },
  {
    id: 'n',
    title: 'server killed in all that it does',
    run: (directory, random, long) => serverKills(directory, random, long ? 150 : 7),
  },
]
