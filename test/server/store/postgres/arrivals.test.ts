/** Numbers of commits: what a reader in their order sees, while several servers commit at one time. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Arrivals } from '../../../../src/server/store/postgres/arrivals.js'
import { Postgres } from '../../../../src/server/store/postgres/database.js'
import { TestPostgres, whyNoPostgres } from '../../../support/postgres.js'

const missing = whyNoPostgres()

describe.skipIf(missing !== null)(`arrivals${missing === null ? '' : ` (${missing})`}`, () => {
  let database: TestPostgres
  let url: string
  let postgres: Postgres
  beforeAll(async () => {
    database = await TestPostgres.start()
  }, 60_000)
  afterAll(() => database?.close())
  beforeEach(async () => {
    url = await database.database()
    postgres = await Postgres.open({ url })
    onTestFinished(() => postgres.close())
  })

  async function server(): Promise<Arrivals> {
    const arrivals = await Arrivals.open(postgres)
    onTestFinished(() => arrivals.close())
    return arrivals
  }

  test('nothing is settled beyond a number that is on its way, and all of it afterwards', async () => {
    const [one, other] = [await server(), await server()]
    const before = one.settled
    let first = 0
    let last = 0
    await one.run(['acme'], async (number) => {
      first = number
      await other.run(['acme', 'globex'], async (later) => {
        last = later
      })
      await Promise.all([one.look(), other.look()])
      expect([one.settled, other.settled]).toEqual([first - 1, first - 1])
      expect(other.settledOf('globex')).toBe(first - 1)
    })
    expect([first > before, last > first]).toEqual([true, true])
    await other.look()
    expect([other.settled, other.settledOf('acme'), other.settledOf('globex')]).toEqual([
      ...[last, last, last],
    ])
  })

  test('an organisation that nothing came of stays where it was', async () => {
    const one = await server()
    await one.run(['acme'], () => Promise.resolve())
    await one.look()
    const acme = one.settledOf('acme')
    await one.run(['globex'], () => Promise.resolve())
    await one.look()
    expect([one.settledOf('acme'), one.settledOf('globex')]).toEqual([acme, acme + 1])
    expect(one.settledOf('never')).toBe(-1)
  })

  test('a number whose work failed holds readers up until nothing can appear under it any more', async () => {
    const one = await server()
    let number = 0
    const failed = one.run(['acme'], (given) => {
      number = given
      return Promise.reject(new Error('the connection was cut'))
    })
    await expect(failed).rejects.toThrow('the connection was cut')
    await one.run(['acme'], () => Promise.resolve())
    await one.look()
    expect(one.settled).toBe(number - 1)
    await postgres.query("UPDATE arriving SET since = since - INTERVAL '61 seconds'")
    await one.look()
    expect(one.settled).toBe(number + 1)
    await postgres.query("UPDATE arriving SET since = since - INTERVAL '10 minutes'")
    await one.run(['acme'], () => Promise.resolve())
    expect(await postgres.query('SELECT * FROM arriving')).toEqual([])
  })

  test('many at once get numbers of their own, and a reader that follows them misses none', async () => {
    const servers = [await server(), await server(), await server()]
    const visible = new Set<number>()
    const read = new Set<number>()
    let cursor = servers[0]!.settled
    let isOver = false
    const reading = (async () => {
      const reader = await server()
      cursor = reader.settled
      for (let isLast = false; !isLast; ) {
        isLast = isOver
        await reader.look()
        for (let n = cursor + 1; n <= reader.settled; n++) if (visible.has(n)) read.add(n)
        cursor = reader.settled
      }
    })()
    const writing = servers.flatMap((one, i) =>
      Array.from({ length: 20 }, () =>
        one.run([`org${i}`], async (number) => {
          expect(visible.has(number)).toBe(false)
          // As long as another query takes.
          await postgres.query('SELECT pg_sleep(random() / 50)')
          visible.add(number)
        }),
      ),
    )
    await Promise.all(writing)
    isOver = true
    await reading
    expect([visible.size, [...visible].filter((n) => !read.has(n))]).toEqual([60, []])
  })
})
