/**
 * Sessions of a person that wait in a meter's spool while the person is erased. They come later, under the person: an
 * erasure changes what is stored, and the answer says that spools are not covered. Another one takes them.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, report, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

const nowMs = Date.now()
const iso = (minutes: number) => new Date(nowMs + minutes * 60_000).toISOString()
const ULLA = { userId: 'ulla', clientId: 3 }

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server.stop())

test.each([{ pseudonymise: false }, { pseudonymise: true }])(
  'what comes after the erasure is stored, found, and goes with the next one: %j',
  async ({ pseudonymise }) => {
    const org = pseudonymise ? 'renamed' : 'erased'
    const admin = await server.key({ scope: 'admin', org, retentionDays: 30 })
    const path = `/api/v1/org/${org}`
    const made = (number: number, minute: number) => {
      const startTimeUs = (nowMs + (minute - 1) * 60_000) * 1e3
      const times = { startTimeUs, endTimeUs: startTimeUs + 1e6 }
      const sessions = [session(2 * number, { ...ULLA, ...times }), session(2 * number + 1, times)]
      const its = report({ startedAt: iso(-30), at: iso(minute) })
      return batch(number, sessions, { meterId: 'm', spoolId: 's', report: its })
    }
    const send = (its: object) => server.request('POST', `${path}/site/1/sessions`, admin, its)
    const hers = async () =>
      (await server.get(`${path}/logs/connection?userId=ulla`, admin)).body.data.log.length
    const erase = async (confirm: number) => {
      const asked = { userId: 'ulla', confirm, pseudonymise }
      return (await server.request('POST', `${path}/subject/erase`, admin, asked)).body.data
    }
    const erasedHoles = async () => {
      const range = `timeStart=${iso(-30)}&timeEnd=${iso(-10)}`
      const { sites } = (await server.get(`${path}/completeness?${range}`, admin)).body.data
      return sites[0].meters[0].holes.map((hole: { cause: string; sessions: number }) => [
        hole.cause,
        hole.sessions,
      ])
    }
    const counted = (sessions: number) => (pseudonymise ? [] : [['erased', sessions]])

    await send(made(1, -20))
    const waiting = made(2, -15)
    const { sessions, notCovered } = await erase(1)
    expect(sessions).toBe(1)
    expect(notCovered.join()).toContain('what waits in a spool comes later')
    expect([await hers(), await erasedHoles()]).toEqual([0, counted(1)])

    expect((await send(waiting)).body.data).toMatchObject({ stored: 2, refused: [] })
    expect([await hers(), await erasedHoles()]).toEqual([1, counted(1)])
    const unconfirmed = { userId: 'ulla', pseudonymise }
    const { status, body } = await server.request(
      'POST',
      `${path}/subject/erase`,
      admin,
      unconfirmed,
    )
    expect([status, body.data.sessions]).toEqual([409, 1])

    expect((await erase(1)).sessions).toBe(1)
    // What the server has of it in its own log brings nobody back, nor does a meter that had no answer.
    await server.kill('SIGKILL')
    await server.spawn()
    expect((await send(waiting)).body.data.repeated).toBe(true)
    expect(await hers()).toBe(0)
    const holes: [string, number][] = await erasedHoles()
    expect(holes.reduce((sum, [, lost]) => sum + lost, 0)).toBe(pseudonymise ? 0 : 2)
    const all = await server.get(`${path}/logs/connection`, admin)
    expect(all.body.data.pagination.total).toBe(pseudonymise ? 4 : 2)
  },
)
