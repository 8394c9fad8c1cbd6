/**
 * What is running when the power goes: a spool that is filled and emptied. argv: directory, seed, steps.
 * Every promise that resolved is written down in DIR/acks, by the same write(2) that the recorder orders.
 */
import { randomBytes } from 'node:crypto'
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openSpool } from '../../src/meter/spool/open.js'
import type { MadeBatch } from '../../src/meter/spool/spool.js'
import { Random } from './random.js'

const [directory = '', seed = '1', steps = '60'] = process.argv.slice(2)
const random = new Random(Number(seed))
const spool = await openSpool({ directory, bytesMax: 2 ** 26, quarantineBytesMax: 2 ** 22 })
const acks = openSync(join(directory, 'acks'), 'a')
const note = (what: string, number: number): void => void writeSync(acks, `${what} ${number}\n`)

/** The first four bytes are its number: what comes back can be told from another's. */
function made(number: number): MadeBatch {
  const body = randomBytes(Math.floor(random.between(100, 40_000)))
  body.writeUInt32LE(number, 0)
  return { body, textBytes: body.length, sessions: 1, peerEvents: 0, fromUs: 1, toUs: 1 }
}

for (let step = 0; step < Number(steps); step++) {
  const waiting = random.next() < 0.55 ? null : await spool.next()
  if (waiting === null) {
    const number = await spool.append(async (n) => {
      note('appending', n)
      return made(n)
    })
    note('appended', number)
  } else if (random.next() < 0.8) {
    note('confirming', waiting.number)
    await spool.confirm(waiting.number)
    note('confirmed', waiting.number)
  } else {
    await spool.quarantine(waiting.number, { atMs: 0, status: 400, reason: 'test' })
  }
}
// No clean stop: the power is about to go.
process.exit(0)
