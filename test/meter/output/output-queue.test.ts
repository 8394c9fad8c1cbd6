import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../../src/base/errors.js'
import { OutputQueue, type OutputQueueOptions } from '../../../src/meter/output/output-queue.js'
import { SessionLines } from '../../../src/meter/output/session-lines.js'
import { StreamLines } from '../../../src/meter/output/stream-lines.js'
import { aSession } from '../../support/sessions.js'
import { until } from '../../support/until.js'

/** Something to write to that fails, or waits, as long as it is told to. */
class Target {
  fails: Error | null = null
  waits: Promise<void> | null = null
  text = ''
  tries = 0
  isDue = false
  closed = false

  async write(bytes: Uint8Array): Promise<void> {
    this.tries++
    await this.waits
    if (this.fails !== null) throw this.fails
    this.text += Buffer.from(bytes).toString()
  }

  async close(): Promise<void> {
    this.closed = true
  }

  get ids(): string[] {
    return this.text.split('\n').flatMap((row) => (row === '' ? [] : [JSON.parse(row).sessionId]))
  }
}

function aQueue(change: Partial<OutputQueueOptions> = {}) {
  const target = new Target()
  const said: (string | null)[] = []
  const dropped: [number, string][] = []
  const queue = new OutputQueue({
    format: new SessionLines(),
    target,
    onTrouble: (message) => said.push(message),
    onDropped: (sessions, why) => dropped.push([sessions, why]),
    onClosed: (error) => said.push(error.message),
    retryMs: 1,
    ...change,
  })
  const give = (...ids: string[]) => {
    for (const sessionId of ids) queue.add(aSession({ sessionId }))
    queue.cut()
  }
  return { queue, target, said, dropped, give }
}

const NEVER = new AbortController().signal

describe('an output', () => {
  test('takes sessions in order; all are written when it has ended', async () => {
    const { queue, target, give } = aQueue()
    give('a', 'b')
    give('c')
    await queue.end(NEVER)
    expect(target.ids).toEqual(['a', 'b', 'c'])
    expect(target.closed).toBe(true)
    expect(queue.counters()).toMatchObject({ written: 3, dropped: 0, held: 0, failures: 0 })
  })

  test('that is full is tried again, says so once, and loses nothing', async () => {
    const { queue, target, said, dropped, give } = aQueue()
    target.fails = new Error('ENOSPC: no space left on device')
    give('a')
    await until(() => target.tries > 3)
    give('b')
    expect(queue.counters()).toMatchObject({ up: false, written: 0, held: 2 })
    target.fails = null
    await until(() => target.ids.length === 2)
    expect(said).toEqual(['ENOSPC: no space left on device', null])
    expect(dropped).toEqual([])
    expect(queue.counters().up).toBe(true)
    expect(queue.counters().failures).toBeGreaterThan(3)
  })

  test('that stays full drops the oldest beyond its bound, counted', async () => {
    const { queue, target, dropped, give } = aQueue({ heldBytesMax: 3000 })
    target.fails = new Error('ENOSPC')
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) give(id)
    target.fails = null
    await queue.end(NEVER)
    // The first was being written.
    const { written, dropped: count } = queue.counters()
    expect(target.ids).toEqual(['a', ...['b', 'c', 'd', 'e', 'f'].slice(count)])
    expect(written + count).toBe(6)
    expect(count).toBeGreaterThan(0)
    expect(new Set(dropped.map(([, why]) => why))).toEqual(new Set(['full']))
  })

  test('that stays full at the end is given up, counted', async () => {
    const { queue, target, dropped, give } = aQueue()
    target.fails = new Error('ENOSPC')
    give('a', 'b')
    const giveUp = new AbortController()
    const ended = queue.end(giveUp.signal)
    await until(() => target.tries > 2)
    giveUp.abort()
    await ended
    expect(dropped).toEqual([[2, 'ended']])
    expect(queue.counters()).toMatchObject({ dropped: 2, held: 0 })
  })

  test('whose reader stands still keeps neither the caller nor the end waiting', async () => {
    const { queue, target, give } = aQueue()
    target.waits = new Promise(() => undefined)
    give('a')
    await queue.end(AbortSignal.abort())
    expect(queue.counters()).toMatchObject({ dropped: 1, held: 0 })
    expect(queue.isWriting).toBe(true)
  })

  test('that has ended for good is said once; what follows is counted', async () => {
    const { queue, target, said, dropped, give } = aQueue()
    target.fails = new AppError('OUTPUT_CLOSED', 'nobody reads')
    give('a')
    await until(() => said.length > 0)
    give('b', 'c')
    expect(said).toEqual(['nobody reads'])
    expect(dropped.reduce((sum, [n]) => sum + n, 0)).toBe(3)
    expect(queue.counters()).toMatchObject({ up: false, dropped: 3, held: 0 })
    expect(target.tries).toBe(1)
  })

  test('is asked to do what is due', async () => {
    const { queue, target } = aQueue()
    queue.cut()
    target.isDue = true
    queue.cut()
    await until(() => target.tries === 1)
    expect(target.text).toBe('')
  })
})

describe('lines to a pipe', () => {
  test('go in pieces of whole lines that a pipe takes as a whole', async () => {
    const pieces: string[] = []
    const stream = new PassThrough()
    stream.on('data', (piece: Buffer) => pieces.push(piece.toString()))
    const rows = [...Array(20).keys()].map((i) => `${i}${'x'.repeat(900)}\n`)
    rows.splice(3, 0, `${'y'.repeat(5000)}\n`)
    await new StreamLines(stream).write(Buffer.from(rows.join('')))
    expect(pieces.join('')).toBe(rows.join(''))
    expect(pieces.every((piece) => piece.endsWith('\n'))).toBe(true)
    const long = pieces.filter((piece) => piece.length > 4096)
    expect(long).toEqual([rows[3]])
    expect(pieces.length).toBeLessThan(rows.length / 2)
  })

  test('a reader that has gone ends it', async () => {
    const stream = new PassThrough()
    stream.on('error', () => undefined).destroy()
    await expect(new StreamLines(stream).write(Buffer.from('x\n'))).rejects.toMatchObject({
      code: 'OUTPUT_CLOSED',
    })
  })
})
