/** The definition of a metric: its name, its kind, and the function that reads its samples from a snapshot. */
import type { InterfaceSnapshot, MeterSnapshot, OutputSnapshot } from './snapshot.js'

export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

export interface Metric {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly help: string
  readonly labels?: readonly string[]
  readonly read: (s: MeterSnapshot) => readonly Sample[]
}

export const one = (value: number): Sample[] => [[{}, value]]

export function each(read: (i: InterfaceSnapshot) => number): Metric['read'] {
  return (s) => s.interfaces.map((i) => [{ interface: i.interface }, read(i)])
}

export function eachReason(
  read: (i: InterfaceSnapshot) => Readonly<Record<string, number>>,
): Metric['read'] {
  return (s) =>
    s.interfaces.flatMap((i) =>
      Object.entries(read(i)).map(([reason, n]): Sample => [{ interface: i.interface, reason }, n]),
    )
}

/** One sample for each interface that has the figure. */
export function figure(
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Metric['read'] {
  return (s) =>
    s.interfaces.flatMap((i) => {
      const value = i.reconciliation[name]
      return value === undefined ? [] : [[{ interface: i.interface, ...labels }, value] as Sample]
    })
}

/** No sample without a server. */
export function spool(read: (s: NonNullable<MeterSnapshot['spool']>) => number): Metric['read'] {
  return (s) => (s.spool === undefined ? [] : one(read(s.spool)))
}

export function ship(read: (s: NonNullable<MeterSnapshot['ship']>) => number): Metric['read'] {
  return (s) => (s.ship === undefined ? [] : one(read(s.ship)))
}

export function output(read: (o: OutputSnapshot) => number): Metric['read'] {
  return (s) => s.outputs.map((o) => [{ output: o.output }, read(o)])
}

export function bounds(name: string): Metric['read'] {
  const min = figure(`${name}Min`, { bound: 'min' })
  const max = figure(`${name}Max`, { bound: 'max' })
  return (s) => [...min(s), ...max(s)]
}

export const INTERFACE = ['interface']
export const OUTPUT = ['output']
export const BOUND = ['interface', 'bound']
export const REASON = ['interface', 'reason']

export function counter(
  name: string,
  help: string,
  read: Metric['read'],
  labels?: readonly string[],
): Metric {
  return { name, kind: 'counter', help, read, ...(labels && { labels }) }
}

export function gauge(
  name: string,
  help: string,
  read: Metric['read'],
  labels?: readonly string[],
): Metric {
  return { name, kind: 'gauge', help, read, ...(labels && { labels }) }
}

export function traffic(
  i: InterfaceSnapshot,
  unit: 'packets' | 'bytes',
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(i.other).map(([reason, t]) => [reason, t[unit]]))
}
