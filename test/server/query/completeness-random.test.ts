/** Random histories of simulated meters: what has not arrived is never called complete, and what has is no hole. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type History, live, randomHistory } from '../../support/fleet/history.js'
import { faultsOf } from '../../support/fleet/judge.js'
import { Ledger } from '../../support/fleet/ledger.js'
import { shrunk, told } from '../../support/fleet/shrink.js'
import { randomOf } from '../../support/office.js'

/** Another one asks anew: what it finds is mended here, or is one more of what cannot be known. */
const SEED = Number(process.env.TUNMETER_SEED ?? 100_600)
const HISTORIES = Number(process.env.TUNMETER_HISTORIES ?? 20)

let ledger: Ledger
beforeAll(async () => {
  ledger = await Ledger.open()
})
afterAll(() => ledger.close())

async function faultsIn(history: History): Promise<string[]> {
  const faults: string[] = []
  const random = randomOf(history.seed)
  await live(history, ledger, async (minute, members) => {
    const its = await faultsOf(ledger, minute, members, random)
    faults.push(...its.map((fault) => `asked at ${minute}: ${fault}`))
  })
  return faults
}

test(`${HISTORIES} random histories: seed ${SEED}`, { timeout: 600_000 }, async () => {
  for (let n = 0; n < HISTORIES; n++) {
    const history = randomHistory(SEED + n)
    if ((await faultsIn(history)).length === 0) continue
    const least = await shrunk(history, async (one) => (await faultsIn(one)).length > 0)
    expect.fail(`${told(least)}\n${(await faultsIn(least)).join('\n')}`)
  }
})
