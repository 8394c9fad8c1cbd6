/**
 * Every state that a session may be in, and everything that may happen to it then. A cell says what is there afterwards:
 * the state and the packets, `Anna` when the name is shown, and `conflict` when something was refused and counted; two
 * answers where both are right.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Session } from '../../../../src/session/session.js'
import { batch, report, session } from '../../../support/batches.js'
import { ALWAYS, stored } from '../../../support/store.js'
import { ENGINES, type Engine } from './engines.js'

const [FIRST, SECOND] = ['2026-11-20T00:00:00.000Z', '2026-11-21T00:00:00.000Z']
/** More than the ten minutes of the engines. */
const SILENT_US = 660e6
const STATES = [
  'absent',
  'open',
  'silent',
  'interrupted',
  'closed',
  'ended',
  'old',
  'gone',
] as const
type State = (typeof STATES)[number]

/** One session of a meter in an organisation of its own. */
class Cell {
  readonly orgId: string
  readonly #engine: Engine
  readonly #numbers = new Map<string, number>()
  readonly #times: Pick<Session, 'startTimeUs' | 'endTimeUs'>

  constructor(engine: Engine, orgId: string) {
    this.#engine = engine
    this.orgId = orgId
    this.#times = { startTimeUs: engine.nowUs - 60e6, endTimeUs: engine.nowUs - 1e6 }
  }

  get store() {
    return this.#engine.store
  }

  open(packetsTx: number, change: Partial<Session> = {}): Session {
    return this.ended(packetsTx, { endReason: 'activeTimeout', ...change })
  }

  ended(packetsTx: number, change: Partial<Session> = {}): Session {
    return session(1, { ...this.#times, packetsTx, clientId: 1, userId: 'anna', ...change })
  }

  /** The next batch of the meter, of its first run, or the same again. */
  async send(
    sessions: readonly Session[],
    { startedAt = FIRST, meterId = 'meter-1', number = this.next(meterId) } = {},
  ): Promise<void> {
    const given = batch(number, [], { meterId, report: report({ startedAt }) })
    const rows = sessions.map((s) => stored(s, this.orgId, 1, meterId))
    await this.store.write({ orgId: this.orgId, siteId: 1, batch: given, sessions: rows })
  }

  next(meterId: string): number {
    const number = (this.#numbers.get(meterId) ?? 0) + 1
    this.#numbers.set(meterId, number)
    return number
  }

  name(name: string | null): Promise<unknown> {
    const clients = name === null ? [] : [{ clientId: 1, name, addresses: [] }]
    return this.store.putCatalog(this.orgId, { clients, users: [], sites: [], resources: [] })
  }

  async outcome(): Promise<string> {
    const lines = await this.#engine.lines(this.orgId)
    expect(lines.length).toBeLessThan(2)
    expect(await this.store.count(this.orgId, ALWAYS)).toBe(lines.length)
    const [, , state = 'absent', packets = '', name = '-'] = lines[0]?.split(' ') ?? []
    const lost = await this.store.gaps(this.orgId, 0, 2 * this.#engine.nowUs)
    const conflict = lost.some(({ reason }) => reason === 'sessionConflict') ? 'conflict' : ''
    return [state, packets, name === '-' ? '' : name, conflict].filter((s) => s !== '').join(' ')
  }
}

/** How a session comes to be in a state; it has 5 packets. */
const REACH: Readonly<Record<State, (cell: Cell) => Promise<unknown>>> = {
  absent: (cell) => cell.send([]),
  open: (cell) => cell.send([cell.open(5)]),
  silent: (cell) => REACH.open(cell),
  interrupted: async (cell) => {
    await REACH.open(cell)
    await cell.send([], { startedAt: SECOND })
  },
  closed: async (cell) => {
    await REACH.interrupted(cell)
    await cell.store.closeInterrupted()
  },
  ended: (cell) => cell.send([cell.ended(5)]),
  old: (cell) => REACH.ended(cell),
  gone: async (cell) => {
    await REACH.ended(cell)
    await cell.store.expire(cell.orgId, Number.MAX_SAFE_INTEGER)
  },
}

/** States that are reached together, and the time that passes then. What comes of closing must not meet the others. */
const REACHED = [
  { states: ['old'], passUs: 25 * 3600e6 },
  { states: ['silent', 'closed'], passUs: SILENT_US },
  { states: ['absent', 'open', 'interrupted', 'ended', 'gone'], passUs: 0 },
] as const

async function reach(engine: Engine, operation: string): Promise<[State, Cell][]> {
  const cells: [State, Cell][] = []
  for (const { states, passUs } of REACHED) {
    const made = states.map((state) => [state, new Cell(engine, `${operation} ${state}`)] as const)
    await Promise.all(made.map(([state, cell]) => REACH[state](cell)))
    for (const [state, cell] of made) cells.push([state, cell])
    // An engine may take time over what it acknowledged: all of it came before the time passes.
    await cells.at(-1)![1].outcome()
    engine.nowUs += passUs
  }
  return cells
}

const OTHER = { destIp: '192.168.10.99' }
const turned = (s: Session): Session => {
  const { sourceIp, sourcePort, destIp, destPort } = s
  return { ...s, sourceIp: destIp, sourcePort: destPort, destIp: sourceIp, destPort: sourcePort }
}

interface Operation {
  /** To each of the sessions. */
  readonly does?: (cell: Cell) => Promise<unknown>
  /** To all of them at once. */
  readonly happens?: (engine: Engine) => Promise<unknown>
  readonly leaves: Readonly<Record<State, string | readonly [string, string]>>
}

/** What does nothing to a session. */
const UNCHANGED: Operation['leaves'] = {
  ...{ absent: 'absent', open: 'open 5', silent: 'interrupted 5', interrupted: 'interrupted 5' },
  ...{ closed: 'interrupted 5', ended: 'ended 5', old: 'ended 5', gone: 'absent' },
}
const NOTHING_LEFT = Object.fromEntries(
  STATES.map((state) => [state, 'absent']),
) as unknown as Operation['leaves']

const OPERATIONS: Readonly<Record<string, Operation>> = {
  'a later report': {
    does: (cell) => cell.send([cell.open(9)]),
    leaves: {
      ...{ absent: 'open 9', open: 'open 9', silent: 'open 9', interrupted: 'open 9' },
      ...{ closed: 'interrupted 5', ended: 'ended 5', old: 'ended 5', gone: 'open 9' },
    },
  },
  'an earlier report that comes late': {
    does: (cell) => cell.send([cell.open(3)]),
    leaves: {
      ...UNCHANGED,
      ...{ absent: 'open 3', silent: 'open 5', interrupted: 'open 5', gone: 'open 3' },
    },
  },
  'its end, with more packets': {
    does: (cell) => cell.send([cell.ended(9)]),
    leaves: {
      ...{ absent: 'ended 9', open: 'ended 9', silent: 'ended 9', interrupted: 'ended 9' },
      ...{ closed: 'ended 9', ended: 'ended 9', old: 'ended 5 conflict', gone: 'ended 9' },
    },
  },
  'its end, with fewer packets': {
    does: (cell) => cell.send([cell.ended(3)]),
    leaves: {
      ...{ absent: 'ended 3', open: 'ended 3', silent: 'ended 3', interrupted: 'ended 3' },
      ...{ closed: 'ended 3', ended: 'ended 5', old: 'ended 5', gone: 'ended 3' },
    },
  },
  'its end, said to have been begun by the other side': {
    does: (cell) => cell.send([turned(cell.ended(9))]),
    leaves: {
      ...{ absent: 'ended 9', open: 'ended 9', silent: 'ended 9', interrupted: 'ended 9' },
      ...{ closed: 'ended 9', ended: 'ended 9', old: 'ended 5 conflict', gone: 'ended 9' },
    },
  },
  'the end before a report of it, together': {
    does: (cell) => cell.send([cell.ended(9), cell.open(8)]),
    leaves: {
      ...{ absent: 'ended 9', open: 'ended 9', silent: 'ended 9', interrupted: 'ended 9' },
      ...{ closed: 'ended 9', ended: 'ended 9', old: 'ended 5 conflict', gone: 'ended 9' },
    },
  },
  'a report of another five-tuple': {
    does: (cell) => cell.send([cell.open(9, OTHER)]),
    leaves: {
      ...{ absent: 'open 9', open: 'open 5 conflict', silent: 'open 5 conflict' },
      ...{ interrupted: 'open 5 conflict', closed: 'interrupted 5 conflict' },
      ...{ ended: 'ended 5 conflict', old: 'ended 5 conflict', gone: 'open 9' },
    },
  },
  'an end of another five-tuple': {
    does: (cell) => cell.send([cell.ended(9, OTHER)]),
    leaves: {
      ...{ absent: 'ended 9', open: 'open 5 conflict', silent: 'open 5 conflict' },
      ...{ interrupted: 'open 5 conflict', closed: 'interrupted 5 conflict' },
      ...{ ended: 'ended 5 conflict', old: 'ended 5 conflict', gone: 'ended 9' },
    },
  },
  'an end that another meter reports': {
    does: (cell) => cell.send([cell.ended(9)], { meterId: 'thief' }),
    leaves: {
      ...{ absent: 'ended 9', open: 'open 5 conflict', silent: 'interrupted 5 conflict' },
      ...{ interrupted: 'interrupted 5 conflict', closed: 'interrupted 5 conflict' },
      ...{ ended: 'ended 5 conflict', old: 'ended 5 conflict' },
      gone: ['absent conflict', 'ended 9'],
    },
  },
  'its own batch again': {
    does: (cell) => cell.send([cell.ended(9)], { number: 1 }),
    leaves: UNCHANGED,
  },
  'its end from an access log': {
    does: (cell) =>
      cell.store.writeLoose(cell.orgId, 1, [stored(cell.ended(9), cell.orgId, 1, 'meter-1')]),
    leaves: {
      ...{ absent: 'ended 9', open: 'ended 9', silent: 'ended 9', interrupted: 'ended 9' },
      ...{ closed: 'ended 9', ended: 'ended 9', old: 'ended 5 conflict', gone: 'ended 9' },
    },
  },
  'its meter starts again': {
    does: (cell) => cell.send([], { startedAt: SECOND }),
    leaves: { ...UNCHANGED, open: 'interrupted 5' },
  },
  'its run is heard': {
    does: (cell) => cell.send([]),
    // Of an interrupted one it is the newest run again: by the order of batches, not by clocks.
    leaves: { ...UNCHANGED, silent: 'open 5', interrupted: 'open 5' },
  },
  'ten minutes pass': {
    happens: (engine) => {
      engine.nowUs += SILENT_US
      return Promise.resolve()
    },
    leaves: { ...UNCHANGED, open: 'interrupted 5' },
  },
  'interrupted ones are closed': {
    happens: ({ store }) => store.closeInterrupted(),
    leaves: UNCHANGED,
  },
  'a restart': { happens: (engine) => engine.restart(), leaves: UNCHANGED },
  'retention that it has passed': {
    does: (cell) => cell.store.expire(cell.orgId, cell.ended(5).endTimeUs + 1),
    leaves: NOTHING_LEFT,
  },
  'retention that it has not passed': {
    does: (cell) => cell.store.expire(cell.orgId, cell.ended(5).endTimeUs),
    leaves: UNCHANGED,
  },
  'its person is erased': {
    does: (cell) => cell.store.erase(cell.orgId, { clientId: 1 }),
    leaves: NOTHING_LEFT,
  },
  'somebody else is erased': {
    does: (cell) => cell.store.erase(cell.orgId, { userId: 'berta' }),
    leaves: UNCHANGED,
  },
  'its site is removed': {
    does: (cell) => cell.store.removeSessions(cell.orgId, 1),
    leaves: NOTHING_LEFT,
  },
  'another site is removed': {
    does: (cell) => cell.store.removeSessions(cell.orgId, 2),
    leaves: UNCHANGED,
  },
  'its organisation is removed': {
    does: (cell) => cell.store.removeOrg(cell.orgId),
    leaves: NOTHING_LEFT,
  },
  'another organisation is removed': {
    does: (cell) => cell.store.removeOrg('nobody'),
    leaves: UNCHANGED,
  },
  'its client gets a name': {
    does: (cell) => cell.name('Anna'),
    leaves: {
      ...{ absent: 'absent', open: 'open 5 Anna', silent: 'interrupted 5 Anna' },
      ...{ interrupted: 'interrupted 5 Anna', closed: 'interrupted 5 Anna' },
      ...{ ended: 'ended 5 Anna', old: 'ended 5 Anna', gone: 'absent' },
    },
  },
  'its client gets another name, and goes from the catalog': {
    does: async (cell) => {
      for (const name of ['Berta', 'Anna', null]) await cell.name(name)
    },
    leaves: {
      ...{ absent: 'absent', open: 'open 5 Anna', silent: 'interrupted 5 Anna' },
      ...{ interrupted: 'interrupted 5 Anna', closed: 'interrupted 5 Anna' },
      ...{ ended: 'ended 5 Anna', old: 'ended 5 Anna', gone: 'absent' },
    },
  },
}

describe.each(Object.entries(ENGINES))('%s', (_, open) => {
  let engine: Engine
  // A new one for each operation: deletions rewrite all of a day in ClickHouse, so that each would wait longer.
  beforeEach(async () => {
    engine = await open()
  })
  afterEach(() => engine.close())

  const patient = { timeout: 600_000 }
  test.each(Object.entries(OPERATIONS))(
    '%s',
    patient,
    async (operation, { does, happens, leaves }) => {
      const cells = await reach(engine, operation)
      await Promise.all([happens?.(engine), ...cells.map(([, cell]) => does?.(cell))])
      const found: Record<string, string> = {}
      const right: Record<string, string> = {}
      for (const [state, cell] of cells) {
        const outcome = await cell.outcome()
        const answers = [leaves[state]].flat()
        found[state] = outcome
        right[state] = answers.includes(outcome) ? outcome : answers.join(' or ')
      }
      expect(found).toEqual(right)
      expect(Object.keys(found).sort()).toEqual([...STATES].sort())
    },
  )
})
