/**
 * (m) the wall clock is set forward and back by an hour, again and again, while connections go on. None is split, ended
 * or lost, and the meter's reports keep coming: deadlines run on the monotonic clock. Records have the times of the wall
 * clock as it was.
 *
 * A clock cannot be set for one namespace: a library between the process and the clock does it (clock.cc).
 * Runs in a namespace of its own (namespaces.ts). argv: directory, the other namespace, steps. Prints a Result.
 */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Session } from '../../src/session/session.js'
import { FakeServer } from '../support/fake-server.js'
import { awaited } from './awaited.js'
import { LiveMeter } from './live-meter.js'
import { DEVICE, dial, makePair, PORT, serveEcho, setLink } from './veth-pair.js'

const [directory = '', other = '', steps = '4'] = process.argv.slice(2)
const HOUR_SECONDS = 3_600
const CONNECTIONS = 5
const UDP_TIMEOUT_SECONDS = 10
const THERE = '10.213.7.2'
/** Ports of UDP: one that goes on over all steps, and those that fall silent before a step. */
const STEADY = 9_000

const offset = openSync(join(directory, 'offset'), 'w+')
const setClock = (seconds: number): void => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(seconds))
  writeSync(offset, bytes, 0, bytes.length, 0)
}
setClock(0)
const library = join(directory, 'clock.so')
const flags = ['-std=c++20', '-O1', '-shared', '-fPIC', '-Wall', '-Wextra', '-Werror']
const source = fileURLToPath(new URL('clock.cc', import.meta.url))
execFileSync('g++', [...flags, '-o', library, source])

execFileSync('sysctl', ['-qw', 'net.ipv6.conf.default.disable_ipv6=1'])
setLink('up', 'lo')
makePair(other)
serveEcho()
const server = await new FakeServer().listen()
const meter = await LiveMeter.start(
  [
    ...['--interface', DEVICE, '--to', server.url, '--key', 'k', '--user', 'root'],
    ...['--spool', join(directory, 'spool'), '--active-timeout', '0s'],
    ...['--udp-timeout', `${UDP_TIMEOUT_SECONDS}s`, '--report-interval', '1s'],
  ],
  { LD_PRELOAD: library, CLOCK_OFFSET: join(directory, 'offset') },
)
const metric = async (name: string): Promise<number> =>
  (await meter.metrics()).sum(`tunmeter_${name}`)

const udp = createSocket('udp4')
udp.on('error', () => undefined).bind()
await once(udp, 'listening')
const steady = setInterval(() => udp.send('x', STEADY, THERE), 200)
const stored = (): Session[] => [...server.stored.values()].flatMap((batch) => batch.sessions)
const ofPort = (port: number): Session[] => stored().filter((s) => s.destPort === port)
const reports = (): number =>
  [...server.stored.values()].filter((batch) => batch.sessions.length === 0).length

/** Every fourth step from the first on, and from the fourth. */
const FORWARD = Math.ceil(Number(steps) / 4) + Math.floor(Number(steps) / 4)
let [dialled, reported] = [0, 0]
for (let step = 1; step <= Number(steps); step++) {
  const before = await metric('sessions_opened_total')
  udp.send('x', STEADY + step, THERE)
  const of = (what: string): string => `step ${step} of ${steps}: ${what}`
  const opened = async () => (await metric('sessions_opened_total')) > before
  await awaited(of('a UDP session opens'), opened)
  // Forward, back to where it was, back, and forward to where it was.
  setClock([HOUR_SECONDS, 0, -HOUR_SECONDS, 0][(step - 1) % 4]!)
  // One may have been under way; the next is of after the step. A batch with sessions is a report, too, and comes later.
  const wanted = reports() + 2
  const silentEnds = (): boolean => ofPort(STEADY + step).length > 0
  await awaited(of('two reports'), () => reports() >= wanted || silentEnds())
  if (reports() >= wanted) reported++
  await dial(other, CONNECTIONS)
  dialled += CONNECTIONS
  // The silent one ends, by its own silence, and is delivered although the clock went another way.
  await awaited(of('the silent UDP session ends'), silentEnds)
}
const openAtTheEnd = await metric('open_sessions')
clearInterval(steady)
const exit = await meter.end('SIGTERM')
const connections = ofPort(PORT)
const complete = connections.filter((s) => s.connState === 'SF').length
const silent = Array.from({ length: Number(steps) }, (_, i) => ofPort(STEADY + 1 + i))
const gaps = [...server.stored.values()].flatMap((batch) => batch.gaps)
const facts = {
  steps: Number(steps),
  dialled,
  stored: new Set(connections.map((s) => s.sessionId)).size,
  complete,
  silent: silent.filter(([one, ...more]) => one?.packetsTx === 1 && more.length === 0).length,
  steady: ofPort(STEADY).length,
  reported,
  /** Each hour that the clock passed over when it was set forward. */
  passedOver: gaps.filter(({ reason }) => reason === 'clockStepped').length,
  otherGaps: gaps.filter(({ reason }) => reason !== 'clockStepped').length,
  /** Of an hour: the library was between the meter and the clock. */
  seen: silent.filter(([one]) => Math.abs(hoursOff(one)) === 1).length,
  openAtTheEnd,
  exit,
}

function hoursOff(session: Session | undefined): number {
  if (session === undefined) return 0
  return Math.round((session.startTimeUs / 1e6 - Date.now() / 1e3) / HOUR_SECONDS)
}

const passed =
  exit === 0 &&
  [facts.stored, complete, connections.length].every((n) => n === dialled) &&
  facts.silent === facts.steps &&
  facts.steady === 1 &&
  facts.reported === facts.steps &&
  facts.passedOver === FORWARD &&
  facts.otherGaps === 0 &&
  facts.seen === Math.floor(facts.steps / 2)
process.stdout.write(JSON.stringify({ passed, facts }))
process.exit(0)
