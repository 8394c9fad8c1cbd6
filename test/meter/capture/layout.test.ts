import { describe, expect, test } from 'vitest'
import { checked, loadAddon } from '../../../src/meter/capture/addon.js'
import { COUNTER_NAMES, readCounters } from '../../../src/meter/capture/counters.js'
import { nativeEngineOptions } from '../../../src/meter/capture/engine-options.js'
import { LAYOUT, layoutFaults } from '../../../src/meter/capture/layout.js'

const addon = loadAddon()

describe('layout', () => {
  test('this side and the addon agree', () => {
    expect(addon.layout).toEqual(LAYOUT)
    expect(checked(addon)).toBe(addon)
  })

  test.each([
    ['record', 'bytesRx at 32, 8 bytes', 'bytesRx at 33, 8 bytes'],
    ['record', 'handshakeRttUs at 116, 4 bytes', 'handshakeRttUs at 116, 8 bytes'],
    ['marks', 'midstream is 1', 'midstream is 4'],
    ['endReason', 'forcedEnd', 'lackOfResources'],
    ['connState', 'RSTO', 'RSTR'],
    ['directionBasis', 'syn', 'synAck'],
    ['counters', 'evictions', 'openSessions'],
  ])('%s: "%s" is not "%s"', (list, ours, theirs) => {
    const words = addon.layout[list]!
    const at = words.indexOf(ours)
    const layout = { ...addon.layout, [list]: words.with(at, theirs) }
    expect(() => checked({ ...addon, layout })).toThrow(
      `the native addon is of another version (${list} ${at}: it has ${theirs}, expected ${ours}`,
    )
  })

  test('no word of any list can change, come or go', () => {
    for (const [list, words] of Object.entries(LAYOUT)) {
      const without = words.map((_, at) => words.filter((_, i) => i !== at))
      const swapped = words.slice(1).map((word, i) => words.with(i, word).with(i + 1, words[i]!))
      const changed = [...without, ...swapped, [...words, 'new'], ['new', ...words]]
      for (const other of changed) {
        expect(layoutFaults({ ...LAYOUT, [list]: other })).toHaveLength(1)
        expect(layoutFaults(LAYOUT, { ...LAYOUT, [list]: other })).toHaveLength(1)
      }
    }
  })

  test('an addon from before a list was compared is refused', () => {
    const { connState: _, ...layout } = addon.layout
    expect(() => checked({ ...addon, layout })).toThrow('connState 0: it has nothing, expected S0')
  })

  test('as many counters come as have names, each under its own', () => {
    const engine = new addon.PacketEngine(nativeEngineOptions({}))
    expect(engine.counters()).toHaveLength(COUNTER_NAMES.length)
    expect(new Set(COUNTER_NAMES).size).toBe(COUNTER_NAMES.length)
    const counters = readCounters(Float64Array.from(COUNTER_NAMES, (_, i) => i))
    expect(counters.pending.datagrams).toBe(COUNTER_NAMES.indexOf('pending.datagrams'))
    expect(counters.other.stray.bytes).toBe(COUNTER_NAMES.indexOf('stray.bytes'))
  })
})
