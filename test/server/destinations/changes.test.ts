/** What happens to a destination beside sending: retention, pauses, changes, removal, bounds. */
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Courier } from '../../../src/server/destinations/courier.js'
import { DESTINATIONS_OF_ORG_MAX } from '../../../src/server/destinations/records.js'
import { SECRETS_FILE } from '../../../src/server/destinations/secrets.js'
import type { Wanted } from '../../../src/server/destinations/wanted.js'
import { batch } from '../../support/batches.js'
import {
  add,
  control,
  current,
  destinations,
  idOf,
  ids,
  later,
  receiver,
  records,
  restart,
  sent,
  session,
  t,
  useDestinations,
  wanted,
} from '../../support/destinations-lab.js'
import { Receiver } from '../../support/receiver.js'
import { until } from '../../support/until.js'

useDestinations()

async function isGone({ entry }: Courier): Promise<void> {
  await expect(records.state(entry)).rejects.toThrow('changed or removed meanwhile')
}

describe('what else happens to it', () => {
  test('what the retention deletes undelivered is counted', async () => {
    receiver.reply = () => ({ status: 503 })
    const courier = await add({ query: 'port:443' })
    await t.send('acme', 1, batch(1, [...sent(1, 4), session(9, { destPort: 22 })]))
    await until(() => current(courier).state.failures > 0)
    const cutUs = session(3).endTimeUs
    await destinations.expiring('acme', cutUs)
    await t.store.expire('acme', cutUs)
    expect(current(courier).state.deletedUndelivered).toBe(2)
    receiver.reply = () => ({ status: 200 })
    receiver.requests.length = 0
    await later(courier)
    await until(() => current(courier).state.delivered === 2)
    // An attempt that was under way may have been refused once more.
    expect(new Set(ids())).toEqual(new Set([idOf(3), idOf(4)]))
  })

  test('what the retention deletes before a backfill has sent it is counted there', async () => {
    await t.send('acme', 1, batch(1, sent(1, 6)))
    await t.store.count('acme', { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER })
    receiver.reply = () => ({ status: 503 })
    const courier = await add()
    await courier.backfill(session(2).startTimeUs, session(6).startTimeUs)
    await until(() => current(courier).state.failures > 0)
    const cutUs = session(4).endTimeUs
    await destinations.expiring('acme', cutUs)
    await t.store.expire('acme', cutUs)
    receiver.reply = () => ({ status: 200 })
    await later(courier)
    await until(() => current(courier).state.backfills[0]!.endedAt !== null)
    const { backfills, deletedUndelivered } = current(courier).state
    expect(backfills[0]).toMatchObject({ delivered: 2, deletedUndelivered: 2 })
    expect(deletedUndelivered).toBe(0)
  })

  test('a lost key file is said at the start, also with nothing to send; put back, it holds up nothing', async () => {
    const secret = `whsec_${Buffer.alloc(24).toString('base64')}`
    const courier = await add({ secrets: { secret } })
    const pseudonyms = { period: 'month', addresses: true } as const
    const other = await add({ name: 'b', pseudonyms, secrets: { pseudonymKey: 'ab'.repeat(32) } })
    const key = join(t.directory, SECRETS_FILE)
    renameSync(key, `${key}.away`)
    await restart()
    for (const one of [courier, other]) {
      await until(() => current(one).state.blocked)
      expect(current(one).state.lastFailure?.text).toContain('set them again')
    }
    renameSync(`${key}.away`, key)
    await restart()
    await until(() => [courier, other].every((one) => !current(one).state.blocked))
    await t.send('acme', 1, batch(1, sent(1, 1)))
    await until(() => [courier, other].every((one) => current(one).state.delivered === 1))
  })

  test('paused it sends nothing, and goes on where it was', async () => {
    const courier = await add()
    await destinations.pause('acme', courier.record.id, true)
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await t.store.count('acme', { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER })
    expect(await current(courier).backlog.waiting()).toMatchObject({ sessions: 3 })
    await restart()
    await destinations.pause('acme', courier.record.id, false)
    await until(() => current(courier).state.delivered === 3)
    expect(ids()).toEqual([idOf(1), idOf(2), idOf(3)])
  })

  test('removed it is gone with all that was noted of it, and so are those of a removed organisation', async () => {
    receiver.reply = () => ({ status: 400 })
    const courier = await add()
    await destinations.create('other', wanted())
    await t.send('acme', 1, batch(1, sent(1, 1)))
    await until(() => current(courier).state.deadLettered === 1)
    await expect(destinations.get('other', courier.record.id)).rejects.toThrow(
      'there is no destination',
    )
    await destinations.remove('acme', courier.record.id)
    expect(await destinations.records.deadLetters(courier.record.id)).toEqual([])
    await isGone(courier)
    await control.removeOrg('other')
    await restart()
    expect(destinations.mine()).toEqual([])
  })

  test('what still goes on when it is changed or removed writes nothing of it any more', async () => {
    receiver.reply = () => ({ status: 400 })
    const courier = await add()
    const { id } = courier.record
    await t.send('acme', 1, batch(1, sent(1, 2)))
    await until(() => current(courier).state.deadLettered === 2)
    receiver.reply = () => ({ status: 0, hang: true })
    receiver.requests.length = 0
    const resending = current(courier).letters.resend()
    const over = expect(resending).rejects.toThrow('changed or removed meanwhile')
    await until(() => receiver.requests.length === 1)
    await destinations.remove('acme', id)
    await over
    await isGone(courier)
    expect(await destinations.records.deadLetters(id)).toEqual([])
    await expect(courier.backfill(0, 1)).rejects.toThrow('changed or removed meanwhile')
    await isGone(courier)
  })

  test('with another address its secrets are to be given again, and none is sent there unsaid', async () => {
    const secrets = { authorization: 'Bearer hush-hush-hush' }
    const pseudonymKey = 'a-key-of-this-destination-0123456789'
    const { record } = await add({ secrets: { ...secrets, pseudonymKey } })
    const thief = await Receiver.start()
    const settings = { url: thief.url, format: 'ndjson', gzip: false, headers: {} }
    const change = (more: Wanted['secrets']) =>
      destinations.replace('acme', record.id, wanted({ settings, secrets: more }))
    await expect(change({})).rejects.toThrow('secrets.authorization: expected it again, or null')
    expect((await destinations.get('acme', record.id)).record.settings).toMatchObject({
      url: receiver.url,
    })
    const changed = await change({ authorization: null })
    expect(Object.keys(changed.record.secrets)).toEqual(['pseudonymKey'])
    await changed.test()
    expect(thief.requests[0]!.headers.authorization).toBeUndefined()
    await thief.close()
  })

  test('an answer that repeats a secret shows none, also where it is cut', async () => {
    const secrets = { authorization: 'Bearer hush-hush-hush-0123456789' }
    const courier = await add({ secrets })
    receiver.reply = ({ headers }) => ({ status: 403, text: `you sent ${headers.authorization}` })
    expect(await courier.test()).toMatchObject({ text: 'you sent ***' })
    receiver.reply = () => ({ status: 503, text: `${'x'.repeat(285)} hush-hush-hush-0123456789` })
    const { text } = (await courier.test()) as { text: string }
    expect(text).toBe(`${'x'.repeat(285)} ***`)
  })

  test.each(['X-Key:hush-hush-0123456789', 'X-Key: hush-hush-0123456789'])(
    'an answer that repeats the value of the header %s does not show it',
    async (header) => {
      const settings = { url: receiver.url, encoding: 'json', gzip: false, headers: {} }
      const courier = await add({ kind: 'otlp', settings, secrets: { header } })
      receiver.reply = ({ headers }) => ({ status: 403, text: `you sent ${headers['x-key']}` })
      expect(await courier.test()).toMatchObject({ text: 'you sent ***' })
    },
  )

  test('an organisation has a bounded number of them', async () => {
    for (let i = 0; i < DESTINATIONS_OF_ORG_MAX; i++) await add()
    await expect(add()).rejects.toThrow('at most 10 destinations')
    await destinations.create('other', wanted())
  })

  test('a change of two at once leaves one', async () => {
    const { record } = await add()
    await Promise.all([
      destinations.replace('acme', record.id, wanted({ name: 'a' })),
      destinations.replace('acme', record.id, wanted({ name: 'b' })),
    ])
    await t.send('acme', 1, batch(1, sent(1, 3)))
    await until(() => destinations.mine()[0]?.state.delivered === 3)
    expect(ids().length).toBe(3)
  })
})
