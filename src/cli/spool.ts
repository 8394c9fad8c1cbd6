/** `tunmeter spool`: lists batches that wait or were refused; resends or drops refused ones. */

import { badOptions, text, toggle } from '../base/config.js'
import type { CommandContext } from '../base/context.js'
import { AppError, EXIT } from '../base/errors.js'
import { plural } from '../base/quantity.js'
import { humanBytes } from '../meter/output/human.js'
import { defaultSpoolDirectory } from '../meter/run/spool-directory.js'
import { openBatch, remake } from '../meter/ship/rebatch.js'
import { type ListedBatch, SpoolInspector } from '../meter/spool/inspect.js'
import { lockDirectory } from '../meter/spool/lock.js'
import { type CommandGroup, defineCommand } from './command.js'

const spoolOption = text('The meter’s spool. Default: that of tunmeter meter', 'DIR')

async function withSpool<T>(
  option: string | undefined,
  context: CommandContext,
  work: (spool: SpoolInspector, directory: string) => Promise<T>,
): Promise<T> {
  const directory = option ?? defaultSpoolDirectory(context.env)
  const spool = SpoolInspector.open(directory)
  try {
    return await work(spool, directory)
  } finally {
    await spool.close()
  }
}

function numbersOf(args: readonly string[]): number[] {
  const wrong = args.filter((a) => !/^[1-9]\d*$/.test(a))
  if (wrong.length > 0) {
    throw badOptions(
      wrong.map((w) => `"${w}": expected the number of a batch, as spool ls shows it`),
    )
  }
  return args.map(Number)
}

const ls = defineCommand({
  name: 'ls',
  summary: 'List waiting batches and those in quarantine.',
  options: { spool: spoolOption, json: toggle('One JSON object a line') },
  async run(_args, options, context) {
    return withSpool(options.spool, context, async (spool) => {
      const { stdout } = context
      const batches = [...spool.waiting(), ...spool.quarantined()]
      if (options.json) {
        for (const { number, entry } of batches)
          stdout.write(`${JSON.stringify({ batch: number, ...entry })}\n`)
        return EXIT.ok
      }
      stdout.write(`meter ${spool.meterId}: ${summary(batches)}\n`)
      for (const batch of batches) stdout.write(`${line(batch)}\n`)
      return EXIT.ok
    })
  },
})

function summary(batches: readonly ListedBatch[]): string {
  const part = (quarantined: boolean): string => {
    const some = batches.filter((b) => (b.entry.refusal !== undefined) === quarantined)
    const sessions = some.reduce((sum, b) => sum + b.entry.sessions, 0)
    return `${plural(some.length, 'batch', 'batches')} (${plural(sessions, 'session')})`
  }
  return `${part(false)} waiting, ${part(true)} quarantined`
}

function line({ number, entry }: ListedBatch): string {
  const { sessions, bytes, madeAtMs, refusal } = entry
  const state = refusal === undefined ? 'waiting' : `refused: ${refusal.reason}`
  const cells = [
    String(number).padStart(10),
    new Date(madeAtMs).toISOString().slice(0, 19),
    plural(sessions, 'session').padStart(15),
    humanBytes(bytes).padStart(10),
    state,
  ]
  return cells.join('  ')
}

const show = defineCommand({
  name: 'show',
  arguments: '<batch>',
  summary: 'Print a batch as JSON, in the form of its request.',
  options: { spool: spoolOption },
  async run(args, options, context) {
    const [number = 0] = numbersOf(args)
    return withSpool(options.spool, context, async (spool) => {
      const batch = await openBatch(spool.read(number).body)
      context.stdout.write(`${JSON.stringify(batch, null, 2)}\n`)
      return EXIT.ok
    })
  },
})

const resend = defineCommand({
  name: 'resend',
  arguments: '[batch...]',
  summary: 'Send batches in quarantine again: the named ones, or --all.',
  details: `A running meter sends them at once. Single refused sessions get a batch of their own
under a new number: stop the meter first, because it assigns the numbers.`,
  options: { spool: spoolOption, all: toggle('All that are in quarantine') },
  async run(args, options, context) {
    return withSpool(options.spool, context, async (spool, directory) => {
      for (const number of chosen(args, options.all, spool)) {
        const { body, entry } = spool.read(number)
        const records = entry.refusal?.records === true
        const lock = records ? lockForNumbers(directory) : null
        try {
          const batch = records ? await openBatch(body) : null
          const target = await spool.resend(number, () =>
            batch === null ? null : (next, gaps, life) => remake(batch, next, gaps, life),
          )
          const under = target === number ? '' : ` as batch ${target}`
          context.stdout.write(`batch ${number} waits again${under}\n`)
        } finally {
          lock?.release()
        }
      }
      return EXIT.ok
    })
  },
})

function lockForNumbers(directory: string): ReturnType<typeof lockDirectory> {
  try {
    return lockDirectory(`${directory}/lock`, `pid ${process.pid}`)
  } catch (error) {
    throw new AppError('SPOOL_LOCKED', 'a meter is running on this spool: stop it first', {
      hint: 'Single refused sessions get a new batch number, which only one program may assign.',
      cause: error,
    })
  }
}

const drop = defineCommand({
  name: 'drop',
  arguments: '[batch...]',
  summary: 'Delete batches in quarantine: the named ones, or --all. Cannot be undone.',
  options: { spool: spoolOption, all: toggle('All that are in quarantine') },
  async run(args, options, context) {
    return withSpool(options.spool, context, async (spool) => {
      for (const number of chosen(args, options.all, spool)) {
        const { sessions } = await spool.drop(number)
        context.stdout.write(`batch ${number} dropped with ${plural(sessions, 'session')}\n`)
      }
      return EXIT.ok
    })
  },
})

function chosen(args: readonly string[], all: boolean, spool: SpoolInspector): number[] {
  if (all === args.length > 0) throw badOptions(['name batches, or give --all'])
  return all ? spool.quarantined().map((b) => b.number) : numbersOf(args)
}

export const command: CommandGroup = {
  name: 'spool',
  summary: 'Inspect a meter’s spool; resend or drop refused batches.',
  subcommands: [ls, show, resend, drop],
}
