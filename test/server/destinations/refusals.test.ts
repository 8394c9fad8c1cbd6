/** What a receiver refuses: halves, dead letters, blocked destinations, and waits that it asks for. */
import { describe, expect, test } from 'vitest'
import { DEAD_LETTERS_MAX } from '../../../src/server/destinations/records.js'
import { batch } from '../../support/batches.js'
import {
  add,
  current,
  destinations,
  HOUR_MS,
  idOf,
  ids,
  later,
  receiver,
  sent,
  t,
  useDestinations,
} from '../../support/destinations-lab.js'
import type { Received } from '../../support/receiver.js'
import { until } from '../../support/until.js'

useDestinations()

describe('refusals', () => {
  const bad = (n: number) => (request: Received) => ({
    status: request.text.includes(idOf(n)) ? 422 : 200,
    text: 'destPort: expected a string',
  })

  test('one event that is refused is found by halving, listed, and the stream goes on', async () => {
    receiver.reply = bad(6)
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 10)))
    await until(() => current(courier).state.deadLettered === 1)
    expect(current(courier).state.delivered).toBe(9)
    const [letter] = await destinations.records.deadLetters(courier.record.id)
    expect(letter).toMatchObject({ sessionId: idOf(6), siteId: 1, status: 422 })
    expect(letter!.text).toBe('destPort: expected a string')
    const [read] = await current(courier).letters.read([letter!])
    expect(JSON.parse(read!.event)).toMatchObject({ sessionId: idOf(6), siteId: 1 })
    await t.send('acme', 1, batch(2, sent(11, 12)))
    await until(() => current(courier).state.delivered === 11)

    expect(await current(courier).letters.resend()).toMatchObject({ delivered: 0, refused: 1 })
    receiver.reply = () => ({ status: 200 })
    expect(await current(courier).letters.resend()).toMatchObject({ delivered: 1, refused: 0 })
    expect(await destinations.records.countDeadLetters(courier.record.id)).toBe(0)
    expect(current(courier).state.delivered).toBe(12)
  })

  test('a dead letter is shown as JSON and sent again as the receiver reads it: protobuf', async () => {
    receiver.reply = () => ({ status: 400, text: 'no' })
    const settings = { url: receiver.url, encoding: 'protobuf', gzip: false, headers: {} }
    const courier = await add({ kind: 'otlp', settings })
    await t.send('acme', 1, batch(1, sent(1, 1)))
    await until(() => current(courier).state.deadLettered === 1)
    const letters = await destinations.records.deadLetters(courier.record.id)
    const [read] = await current(courier).letters.read(letters)
    expect(JSON.parse(read!.event)).toMatchObject({ eventName: 'tunmeter.session' })
    receiver.reply = () => ({ status: 200 })
    expect(await current(courier).letters.resend()).toMatchObject({ delivered: 1 })
    const [first, again] = [receiver.requests[0]!, receiver.requests.at(-1)!]
    expect(again.headers['content-type']).toBe('application/x-protobuf')
    expect(again.body.length).toBe(first.body.length)
    expect(again.text).toContain(idOf(1))
  })

  test('a dead letter holds no session: one that was erased is gone from it', async () => {
    receiver.reply = bad(1)
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 1)))
    await until(() => current(courier).state.deadLettered === 1)
    await t.store.erase('acme', { userId: 'u1' })
    expect(await current(courier).letters.resend()).toMatchObject({
      delivered: 0,
      refused: 0,
      gone: 1,
    })
  })

  test('a receiver that refuses all of it is blocked, and nothing is given up', async () => {
    receiver.reply = () => ({ status: 400, text: 'no' })
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 40)))
    await until(() => current(courier).state.blocked)
    expect(await destinations.records.countDeadLetters(courier.record.id)).toBe(16)
    expect(current(courier).state.lastFailure?.text).toBe('16 events in a row were refused: no')
    receiver.reply = () => ({ status: 200 })
    receiver.requests.length = 0
    await later(courier)
    await until(() => current(courier).state.delivered === 40)
    expect(new Set(ids()).size).toBe(40)
  })

  test('resumed, the next sixteen go through', async () => {
    receiver.reply = () => ({ status: 400, text: 'no' })
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 20)))
    await until(() => current(courier).state.blocked)
    await later(courier)
    await until(() => current(courier).state.live.pending === null)
    expect(await destinations.records.countDeadLetters(courier.record.id)).toBe(20)
    expect(current(courier).state).toMatchObject({ deadLettered: 20, delivered: 0 })
  })

  test('a batch that is repeated after a part of it was settled counts each session once', async () => {
    const isThere = (text: string, n: number) => text.includes(idOf(n))
    receiver.reply = ({ text }) => {
      if (isThere(text, 3)) return { status: isThere(text, 1) ? 413 : 503 }
      return { status: isThere(text, 2) ? 422 : 200 }
    }
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 4)))
    await until(() => current(courier).state.failures === 3)
    expect(current(courier).state).toMatchObject({ delivered: 1, deadLettered: 1 })
    receiver.reply = bad(2)
    await later(courier)
    await until(() => current(courier).state.live.pending === null)
    expect(current(courier).state).toMatchObject({ delivered: 3, deadLettered: 1 })
  })

  test('a list of dead letters that is full blocks, too', async () => {
    receiver.reply = () => ({ status: 400, text: 'no' })
    const courier = await add()
    const { id } = courier.record
    const letter = { siteId: 9, at: '2026-11-29T00:00:00Z', status: 400, text: 'no' }
    for (let n = 0; n < DEAD_LETTERS_MAX; n++)
      void destinations.records.putDeadLetter(id, { ...letter, sessionId: idOf(n) })
    await t.send('acme', 1, batch(1, sent(1, 2)))
    await until(() => current(courier).state.blocked)
    expect(current(courier).state.lastFailure?.text).toBe('the list of dead letters is full: no')
    expect(await current(courier).letters.resend()).toMatchObject({ gone: DEAD_LETTERS_MAX })
    await later(courier)
    await until(() => current(courier).state.deadLettered === 2)
  })

  test('404 blocks with the first words of the answer, and is tried again after an hour', async () => {
    receiver.reply = () => ({ status: 404, text: `no${'!'.repeat(1000)}` })
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 1)))
    await until(() => current(courier).state.blocked)
    const { lastFailure, nextAttemptMs } = current(courier).state
    expect(lastFailure).toMatchObject({ status: 404, text: `no${'!'.repeat(298)}` })
    expect(nextAttemptMs - Date.parse(lastFailure!.at)).toBe(HOUR_MS)
  })

  test('Retry-After is waited', async () => {
    receiver.reply = () => ({ status: 503, headers: { 'retry-after': '1800' } })
    const courier = await add()
    await t.send('acme', 1, batch(1, sent(1, 1)))
    await until(() => current(courier).state.failures === 1)
    const { lastFailure, nextAttemptMs } = current(courier).state
    expect(nextAttemptMs - Date.parse(lastFailure!.at)).toBe(1800e3)
  })
})
