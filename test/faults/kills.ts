/** (a) the meter killed, (b) the server killed, (c) both, through a network that cuts, delays and duplicates. */
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeCapture } from './capture.js'
import { CALM, ChaosProxy, WILD } from './chaos-proxy.js'
import { compare, isExact, Server, spawnCli } from './processes.js'
import type { Random } from './random.js'
import type { Result } from './scenarios.js'

export interface KillPlan {
  readonly killMeter: boolean
  readonly killServer: boolean
  readonly wild: boolean
  readonly kills: number
}

const SESSIONS_AT_LEAST = 6_000
/** What a meter delivers in one life, and more: else all is there before the last kill. */
const SESSIONS_A_LIFE = 500
/** And while the server is killed, or the network cuts: four batches. */
const SESSIONS_A_CUT_LIFE = 100
const BATCH_SESSIONS = 25

export async function killRun(plan: KillPlan, directory: string, random: Random): Promise<Result> {
  mkdirSync(directory, { recursive: true })
  const capture = join(directory, 'capture.pcap')
  const expected = writeCapture(capture, sessionsFor(plan))
  const server = new Server(join(directory, 'data'))
  const proxy = await new ChaosProxy(plan.wild ? WILD : CALM, random).start()
  const counts = { meterKills: 0, serverKills: 0, replays: 0 }
  try {
    await server.start()
    proxy.target = server.url
    const args = ['replay', capture, '--to', proxy.url, '--spool', join(directory, 'spool')]
    args.push('--batch-sessions', String(BATCH_SESSIONS), '--give-up-after', '1h')
    const fleet = new Fleet(args, server, proxy, plan, random, counts)
    await fleet.run()
    const verdict = compare(expected, await server.sessions())
    const enough =
      (!plan.killMeter || counts.meterKills >= plan.kills) &&
      (!plan.killServer || counts.serverKills >= plan.kills)
    return { passed: isExact(verdict) && enough, facts: { ...counts, ...proxy.counts, ...verdict } }
  } finally {
    proxy.stop()
    await server.kill('SIGKILL')
  }
}

/** A network that cuts makes each life's part small. */
function sessionsFor({ killMeter, wild, kills }: KillPlan): number {
  if (killMeter && !wild) return kills * SESSIONS_A_LIFE
  return Math.max(kills * SESSIONS_A_CUT_LIFE, SESSIONS_AT_LEAST)
}

/** Replays again and again until one ends by itself, killing as planned meanwhile. */
class Fleet {
  readonly #args: readonly string[]
  readonly #server: Server
  readonly #proxy: ChaosProxy
  readonly #plan: KillPlan
  readonly #random: Random
  readonly #counts: { meterKills: number; serverKills: number; replays: number }
  #done = false

  constructor(
    args: readonly string[],
    server: Server,
    proxy: ChaosProxy,
    plan: KillPlan,
    random: Random,
    counts: { meterKills: number; serverKills: number; replays: number },
  ) {
    this.#args = args
    this.#server = server
    this.#proxy = proxy
    this.#plan = plan
    this.#random = random
    this.#counts = counts
  }

  async run(): Promise<void> {
    const killing = this.#plan.killServer ? this.#killServers() : Promise.resolve()
    try {
      while (!(await this.#replay()));
    } finally {
      this.#done = true
      await killing
    }
  }

  /** True when it ended by itself, with everything stored. */
  async #replay(): Promise<boolean> {
    this.#counts.replays++
    const child = spawnCli(this.#args, { TUNMETER_KEY: this.#server.ingestKey })
    let said = ''
    child.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    const closed = once(child, 'close')
    const kill = this.#plan.killMeter && this.#counts.meterKills < this.#plan.kills
    if (kill) await this.#killMeter(child, closed)
    await closed
    if (child.exitCode === 0) return true
    if (child.signalCode === 'SIGKILL') return false
    throw new Error(`the replay ended with ${child.exitCode}: ${said}`)
  }

  /**
   * At a random time, or right after a random one of its requests has reached the server: at the latest after those that a
   * life may deliver, or the replay is over before the last kill.
   */
  async #killMeter(child: ReturnType<typeof spawnCli>, closed: Promise<unknown>): Promise<void> {
    const byTime = this.#random.next() >= 0.7
    const atRequest = byTime ? SESSIONS_A_LIFE / BATCH_SESSIONS : this.#random.between(1, 8)
    const reached = new Promise<void>((resolve) => {
      let seen = 0
      this.#proxy.onForwarded = () => {
        if (++seen === Math.floor(atRequest)) resolve()
      }
    })
    const due = [closed, reached, ...(byTime ? [sleep(this.#random.between(100, 3_000))] : [])]
    await Promise.race(due)
    if (child.kill('SIGKILL')) this.#counts.meterKills++
  }

  async #killServers(): Promise<void> {
    while (!this.#done && this.#counts.serverKills < this.#plan.kills) {
      await sleep(this.#random.between(50, 600))
      await this.#server.kill('SIGKILL')
      this.#counts.serverKills++
      await this.#server.start()
      this.#proxy.target = this.#server.url
    }
  }
}
