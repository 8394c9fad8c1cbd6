import { describe, expect, test } from 'vitest'
import { runPrefix, sessionId } from '../../src/session/session-id.js'

describe('sessionId', () => {
  // The time part is the ULID specification's own example: 1469918176385 ms is 01ARYZ6S41.
  const prefix = runPrefix(1469918176385, Uint8Array.of(0, 0, 0, 0, 31))

  test('has the form of a ULID: time, run, sequence', () => {
    expect(sessionId(prefix, 33)).toBe('01ARYZ6S410000000Z00000011')
  })

  test('sorts by sequence, up to the largest', () => {
    const ids = [1, 31, 32, 2 ** 32, 2 ** 40 - 1].map((sequence) => sessionId(prefix, sequence))
    expect([...ids].sort()).toEqual(ids)
    expect(new Set(ids.map((id) => id.length))).toEqual(new Set([26]))
  })

  test('goes on in the next run when the sequence is used up, and never comes back', () => {
    const sequences = [1, 2 ** 40 - 1, 2 ** 40, 2 ** 40 + 1, 2 ** 41 + 1, 33 * 2 ** 40 + 1]
    const ids = sequences.map((sequence) => sessionId(prefix, sequence))
    expect(ids[3]).toBe('01ARYZ6S410000001000000001')
    expect([...ids].sort()).toEqual(ids)
    expect(new Set(ids).size).toBe(ids.length)
    const last = runPrefix(1469918176385, Uint8Array.of(255, 255, 255, 255, 255))
    expect(sessionId(last, 2 ** 40)).toBe(`01ARYZ6S42${'0'.repeat(16)}`)
  })

  test('differs between runs of the same millisecond', () => {
    expect(runPrefix(1469918176385)).not.toBe(runPrefix(1469918176385))
  })
})
