/** Random histories of one to three meters, and what happens in them. */
import { randomOf } from '../office.js'
import type { Ledger } from './ledger.js'
import { Machine, type Made, MINUTE_MS, T0_MS } from './machine.js'

/** What may happen to a meter at the beginning of a minute, with a number. */
export const EVENTS = {
  'is offline for': 12,
  'sends one or two batches a minute for': 20,
  'sends twice, as an answer is lost': 1,
  'has a session open for': 15,
  'is killed, and starts after': 6,
  'is killed, and starts with a new disk after': 6,
  'is killed, and starts with the copy of its disk after': 6,
  'copies its disk': 1,
  'is stopped, and starts after': 15,
  'is rebooted, and starts after': 6,
  'has its clock set back by': 15,
  'has its clock set ahead by': 15,
  'has its clock set right': 1,
  'sleeps for': 8,
  'drops packets': 5,
  'drops a record': 1,
  'has no interface for': 6,
  'has a full spool': 1,
  'has a failing disk for': 3,
  'has a batch refused': 1,
  'has records refused': 1,
  'has a batch cut in two': 1,
  'has all sent again that was refused': 1,
  'is not stored for': 3,
  'is removed': 1,
} as const
export type What = keyof typeof EVENTS

/** These begin most troubles. */
const OFTEN: readonly What[] = [
  'is offline for',
  'is offline for',
  'sends one or two batches a minute for',
  'has a session open for',
  'is killed, and starts after',
  'is stopped, and starts after',
  'has its clock set back by',
  'has a batch refused',
]

export interface Happening {
  readonly minute: number
  readonly meter: number
  readonly what: What
  readonly n: number
}

export interface History {
  readonly seed: number
  readonly minutes: number
  readonly meters: readonly {
    readonly site: number
    readonly from: number
    /** Minutes; 0: none. */
    readonly activeTimeout: number
  }[]
  readonly happenings: readonly Happening[]
  /** Minutes at which the server is asked, besides the end. */
  readonly asked: readonly number[]
  /** Minutes at which the server starts anew. */
  readonly reopened: readonly number[]
}

export function randomHistory(seed: number): History {
  const random = randomOf(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const oneOf = <T>(all: readonly T[]): T => all[below(all.length)]!
  const minutes = 30 + below(40)
  const meters = Array.from({ length: 1 + below(3) }, (_, i) => ({
    site: 1 + below(2),
    from: i === 0 ? 0 : below(2) * below(minutes / 2),
    activeTimeout: below(2),
  }))
  // Few kinds at a time, so that they meet.
  const kinds = Array.from({ length: 2 + below(4) }, () =>
    random() < 0.4 ? oneOf(OFTEN) : oneOf(Object.keys(EVENTS) as What[]),
  )
  const happenings = Array.from({ length: 1 + below(below(2) * 15 + 8) }, () => {
    const what = oneOf(kinds)
    return { minute: below(minutes), meter: below(meters.length), what, n: below(EVENTS[what]) + 1 }
  }).sort((a, b) => a.minute - b.minute)
  const some = (n: number) => Array.from({ length: below(n) }, () => below(minutes))
  return { seed, minutes, meters, happenings, asked: some(6), reopened: some(2) }
}

/** What holds for some minutes. */
interface Until {
  offline: number
  slow: number
  gone: number
  failing: number
  asleep: number
  unstored: number
  restart: number
}

interface Member {
  readonly machine: Machine
  readonly from: number
  readonly random: () => number
  readonly until: Until
  open: number
  drops: number
  repeats: boolean
  refuses: 'batch' | 'records' | null
  cuts: boolean
  /** By the true clock: the last arrival, and the removal. */
  heard: number
  /** When the reports that arrived were made. */
  readonly reported: Set<number>
  removed: number | null
  /** Losses that the meter or the server counted, in sessions and in packets. */
  counted: number
  packets: number
  /** Batches that arrived, by spool and number. */
  readonly arrived: Set<string>
  wasAhead: boolean
  longest: number
}

export type Observed = Pick<
  Member,
  | 'machine'
  | 'heard'
  | 'reported'
  | 'removed'
  | 'counted'
  | 'packets'
  | 'arrived'
  | 'wasAhead'
  | 'longest'
>

/** Lives a history. @param ask at each minute that the history names, and at its end */
export async function live(
  history: History,
  ledger: Ledger,
  ask: (minute: number, members: readonly Observed[]) => Promise<void>,
): Promise<void> {
  await ledger.clear()
  const members = history.meters.map((its, i) => memberOf(its, i, history.seed))
  // At the end all comes that still can.
  const settling = 25
  for (let minute = 0; minute < history.minutes + settling; minute++) {
    for (const [i, member] of members.entries()) {
      const its = history.happenings.filter((one) => one.minute === minute && one.meter === i)
      if (minute === history.minutes) settle(member, minute)
      for (const one of its) happens(member, one)
      pass(member, minute)
    }
    for (const member of members) deliver(member, ledger, minute + 1)
    if (history.reopened.includes(minute)) await ledger.reopen()
    if (history.asked.includes(minute)) await ask(minute + 1, members)
  }
  await ask(history.minutes + settling, members)
}

function memberOf(its: History['meters'][number], i: number, seed: number): Member {
  const { site, from, activeTimeout } = its
  const until = { offline: 0, slow: 0, gone: 0, failing: 0, asleep: 0, unstored: 0, restart: from }
  return {
    machine: new Machine(`m${i + 1}`, site, activeTimeout),
    from,
    random: randomOf(seed + i),
    until,
    ...{
      open: 0,
      drops: 0,
      repeats: false,
      refuses: null,
      cuts: false,
      heard: 0,
      reported: new Set<number>(),
      removed: null,
    },
    ...{ counted: 0, packets: 0, arrived: new Set<string>(), wasAhead: false },
    longest: 0,
  }
}

/** It is online and runs from now on, and has nothing to lose. */
function settle({ until }: Member, minute: number): void {
  for (const key of ['offline', 'slow', 'gone', 'failing', 'asleep', 'unstored'] as const)
    until[key] = Math.min(until[key], minute)
  if (until.restart > minute) until.restart = minute
}

function happens(member: Member, { minute, what, n }: Happening): void {
  const { machine, until } = member
  if (minute < member.from || minute < until.asleep || member.removed !== null) return
  const end = minute + n
  const goes = (stop: () => void, before: () => void = () => undefined): void => {
    if (machine.run === null) return
    stop()
    before()
    until.restart = minute + n - 1
  }
  const kill = (): void => machine.kill()
  const deeds: Readonly<Record<What, () => void>> = {
    'is offline for': () => (until.offline = end),
    'sends one or two batches a minute for': () => (until.slow = end),
    'sends twice, as an answer is lost': () => (member.repeats = true),
    'has a session open for': () => {
      member.open = n
      member.longest = Math.max(member.longest, n)
    },
    'is killed, and starts after': () => goes(kill),
    'is killed, and starts with a new disk after': () => goes(kill, () => machine.loseFiles()),
    'is killed, and starts with the copy of its disk after': () =>
      goes(kill, () => machine.restoreFiles()),
    'copies its disk': () => machine.copyFiles(),
    'is stopped, and starts after': () => goes(() => stops(member, minute)),
    'is rebooted, and starts after': () => goes(kill, () => machine.reboot(minute)),
    'has its clock set back by': () => setClock(member, machine.offset - n, minute),
    'has its clock set ahead by': () => setClock(member, machine.offset + n, minute),
    'has its clock set right': () => setClock(member, 0, minute),
    'sleeps for': () => {
      until.asleep = end
      member.wasAhead = true
    },
    'drops packets': () => (member.drops = n),
    'drops a record': () => {
      if (machine.dropRecord(minute)) member.counted++
    },
    'has no interface for': () => (until.gone = end),
    'has a full spool': () => {
      if (machine.spoolFull()) member.counted += 4
    },
    'has a failing disk for': () => (until.failing = end),
    'has a batch refused': () => (member.refuses = 'batch'),
    'has records refused': () => (member.refuses = 'records'),
    'has a batch cut in two': () => (member.cuts = true),
    'has all sent again that was refused': () => machine.resend(),
    'is not stored for': () => (until.unstored = end),
    'is removed': () => {
      if (minute - member.heard <= 1 || member.heard === 0) return
      if (machine.run !== null) machine.kill()
      member.removed = minute
      until.restart = Number.POSITIVE_INFINITY
    },
  }
  deeds[what]()
}

function setClock(member: Member, offset: number, minute: number): void {
  if (offset > member.machine.offset) member.wasAhead = true
  member.machine.setClock(offset, minute)
}

/** It drains before it ends. */
function stops(member: Member, minute: number): void {
  member.machine.stop(minute)
  member.until.slow = Math.min(member.until.slow, minute)
}

function pass(member: Member, minute: number): void {
  const { machine, until } = member
  if (minute < member.from || member.removed !== null) return
  if (minute < until.asleep) {
    machine.sleep()
    return
  }
  if (machine.run === null && minute >= until.restart) machine.start(minute)
  // The first second of a minute, in which a step of the clock is seen.
  machine.check(minute)
  const gone = minute < until.gone
  machine.flow(minute, member.open, gone)
  member.open = 0
  if (machine.drop(minute, member.drops)) member.packets += member.drops
  member.drops = 0
  machine.check(minute + 1, gone)
  const failing = minute < until.failing
  machine.cut(minute + 1, failing)
  if (failing) member.counted += 40
}

/** A stopped meter has sent what it had if it was online. */
function deliver(member: Member, ledger: Ledger, minute: number): void {
  const { machine, until, random } = member
  const isOnline = minute > until.offline && minute > until.asleep && minute >= member.from
  const drains = machine.drains
  machine.drains = false
  if (!isOnline || (machine.run === null && !drains)) return
  const waits = () => [...machine.files.waiting.keys()].sort((a, b) => a - b)
  const most = minute <= until.slow ? 1 + Math.floor(random() * 2) : 10 * waits().length + 10
  for (let sent = 0; sent < most && machine.files.waiting.size > 0; sent++) {
    const numbers = waits()
    const isNewest = numbers.length > 4 && random() < 0.5
    const number = isNewest ? numbers.at(-1)! : numbers[0]!
    if (!send(member, ledger, machine.files.waiting.get(number)!, minute)) return
  }
}

/** @returns false: try again later */
function send(member: Member, ledger: Ledger, made: Made, minute: number): boolean {
  const { machine } = member
  const { sent, units } = made
  const number = sent.batch
  if (member.cuts && units.length > 1) {
    member.cuts = false
    machine.split(number)
    return true
  }
  if (member.refuses === 'batch') {
    member.refuses = null
    machine.quarantine(number)
    return true
  }
  const refuses = member.refuses === 'records' && units.length > 0
  const unstored = minute <= member.until.unstored
  const reason = unstored ? 'retentionOff' : refuses ? 'sessionsRefused' : null
  const { at } = sent.report
  const gaps =
    reason === null || units.length === 0
      ? []
      : [{ reason, sessions: units.length, from: at, to: at }]
  const whole = { ...sent, gaps: [...sent.gaps, ...gaps] }
  const fate = ledger.book(machine.siteId, whole, (T0_MS + minute * MINUTE_MS) * 1e3)
  if (fate === 'conflict') {
    machine.renumber(number)
    return true
  }
  member.heard = minute
  if (fate === 'fresh') {
    member.arrived.add(`${sent.spoolId}/${number}`)
    member.reported.add(made.true)
    if (gaps.length === 0) for (const unit of units) unit.arrived = true
    else {
      member.counted += units.length
      for (const unit of units) unit.refused = true
    }
  }
  if (member.repeats) {
    member.repeats = false
    return false
  }
  if (refuses && !unstored) {
    member.refuses = null
    machine.quarantine(number, units)
  } else machine.files.waiting.delete(number)
  return true
}
