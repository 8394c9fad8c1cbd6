import { describe, expect, test } from 'vitest'
import { readLine } from '../../../src/meter/newt/access-line.js'
import { AccessSessions } from '../../../src/meter/newt/access-sessions.js'
import { LINE_BYTES_MAX, LineCutter } from '../../../src/meter/newt/lines.js'

const WHO = 'resource=7 proto=tcp src=100.90.128.2:51000 dst=10.0.0.5:22'
const START = `INFO: 2026/11/29 03:15:12 ACCESS START session=0a1b2c3d4e5f6071 ${WHO} time=2026-11-29T03:15:12+01:00`
const TIMES = 'started=2026-11-29T03:15:12+01:00 ended=2026-11-29T03:16:00+01:00 duration=47.9s'
const END = `INFO: 2026/11/29 03:16:00 ACCESS END session=0a1b2c3d4e5f6071 ${WHO} ${TIMES}`

const STARTED = {
  sessionId: '0a1b2c3d4e5f6071',
  resourceId: 7,
  protocol: 'tcp',
  sourceAddr: '100.90.128.2:51000',
  destAddr: '10.0.0.5:22',
  startedAt: '2026-11-29T03:15:12+01:00',
}
const ENDED = { ...STARTED, endedAt: '2026-11-29T03:16:00+01:00', endReason: 'endOfFlowDetected' }

describe('a line', () => {
  test.each([
    ['plain', END],
    ['without what stands before', END.slice(END.indexOf('ACCESS'))],
    ['of journald', JSON.stringify({ MESSAGE: END, _PID: '7', PRIORITY: '6' })],
    ['of journald, as bytes', JSON.stringify({ MESSAGE: [...Buffer.from(`\u001b[32m${END}`)] })],
    ['of docker', JSON.stringify({ log: `${END}\n`, stream: 'stdout', time: 'x' })],
  ])('of an end: %s', (_, line) => {
    expect(readLine(line)).toEqual({ kind: 'end', ...ENDED })
  })

  test('of a start', () => {
    expect(readLine(START)).toEqual({ kind: 'start', ...STARTED })
  })

  test.each([
    ['reaped', 'idleTimeout'],
    ['shutdown', 'forcedEnd'],
    ['something new', 'endOfFlowDetected'],
  ])('of an end (%s) has its reason', (note, endReason) => {
    const line = END.replace('ACCESS END', `ACCESS END (${note})`)
    expect(readLine(line)).toEqual({ kind: 'end', ...ENDED, endReason })
  })

  test('with IPv6 addresses', () => {
    const line = END.replace('10.0.0.5:22', '[fd00::5]:22')
    expect(readLine(line)).toMatchObject({ kind: 'end', destAddr: '[fd00::5]:22' })
  })

  test.each([
    [START.replace('proto=tcp', 'proto=sctp'), 'proto is neither tcp nor udp'],
    [START.replace('resource=7', 'resource=x'), 'resource is no number'],
    [START.replace(/session=\S+/, 'session='), 'session is no id'],
    [START.replace(/src=\S+/, ''), 'src or dst is missing'],
    [START.replace(/time=\S+/, 'time=2026-02-30T00:00:00Z'), 'time is no time'],
    [END.replace(/ended=\S+/, 'ended=later'), 'ended is no time'],
    [END.replace(/T03:16.*/, ''), 'ended is no time'],
    [END.replace(/ duration=.*/, ''), 'duration is missing'],
  ])('of access that cannot be read says why: %s', (line, why) => {
    expect(readLine(line)).toEqual({ kind: 'bad', why })
  })

  test.each(['', '{', '{"MESSAGE":7}', '{"MESSAGE":null}', '[1]', 'INFO: Tunnel is up', '{"a":1}'])(
    'of anything else is nothing: %s',
    (line) => {
      expect(readLine(line)).toEqual({ kind: 'other' })
    },
  )
})

describe('sessions', () => {
  const taken = (lines: readonly string[], openMax?: number) => {
    const why: string[] = []
    const sessions = new AccessSessions((text) => why.push(text), openMax)
    return { ended: lines.flatMap((line) => sessions.take(line)), sessions, why }
  }
  const other = (line: string) => line.replace('0a1b', 'ffff')

  test('an end is whole by itself: the start may be before the log', () => {
    expect(taken([END]).ended).toEqual([ENDED])
  })

  test('a start and its end are one session', () => {
    const { ended, sessions } = taken([START, END])
    expect(ended).toEqual([ENDED])
    expect(sessions.counters()).toMatchObject({ open: 0, lines: 2, bad: 0 })
  })

  test('what a killed Newt left open ends when the next one starts, at the latest time that is known', () => {
    const { ended, sessions } = taken([START, other(END), 'INFO: Newt version 1.9.0', END])
    expect(ended).toEqual([
      { ...ENDED, sessionId: 'ffff2c3d4e5f6071' },
      { ...STARTED, endedAt: '2026-11-29T03:16:00+01:00', endReason: 'forcedEnd' },
      // Read again from another place: the same id, which the server has.
      ENDED,
    ])
    expect(sessions.counters()).toMatchObject({ cutOff: 1, open: 0 })
  })

  test('starts without an end are bounded and counted', () => {
    const { sessions } = taken([START, other(START)], 1)
    expect(sessions.counters()).toMatchObject({ open: 1, forgotten: 1 })
  })

  test('a bad line is counted and said', () => {
    const { ended, sessions, why } = taken([START.replace('proto=tcp', ''), END])
    expect(ended).toHaveLength(1)
    expect(sessions.counters().bad).toBe(1)
    expect(why).toEqual(['proto is neither tcp nor udp'])
  })
})

describe('the cutter', () => {
  const cut = (pieces: readonly string[]) => {
    const cutter = new LineCutter()
    const lines = pieces.flatMap((piece) => [...cutter.cut(Buffer.from(piece))])
    return { lines: [...lines, ...cutter.end()], tooLong: cutter.tooLong }
  }

  test.each([
    [['one\ntwo\n'], ['one', 'two']],
    [
      ['on', 'e\nt', 'wo'],
      ['one', 'two'],
    ],
    [
      ['one\r\ntwo\r', '\n'],
      ['one', 'two'],
    ],
    [['\n\n'], ['', '']],
    [[], []],
  ])('%j', (pieces, lines) => {
    expect(cut(pieces)).toEqual({ lines, tooLong: 0 })
  })

  test('a line beyond the bound is skipped and counted', () => {
    const long = 'x'.repeat(LINE_BYTES_MAX)
    expect(cut(['one\n', long, 'more', '\ntwo\n', `${long}\n`])).toEqual({
      lines: ['one', 'two', long],
      tooLong: 1,
    })
  })
})
