/** A running `tunmeter meter` in this network namespace, watched through its metrics and its process. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { awaited } from './awaited.js'
import { spawnCli } from './processes.js'

const METRICS = '127.0.0.1:9480'

export class LiveMeter {
  readonly child: ChildProcess
  readonly #closed: Promise<unknown>
  #said = ''

  private constructor(args: readonly string[], env: Record<string, string>) {
    this.child = spawnCli(['meter', ...args, '--metrics-listen', METRICS], env)
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-20_000)
    })
    this.#closed = once(this.child, 'close')
    // Also where a scenario ends because something did not come.
    process.once('exit', () => this.child.kill('SIGKILL'))
  }

  /** Resolves when it reads its interface. */
  static async start(
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<LiveMeter> {
    const meter = new LiveMeter(args, env)
    const begun = () => meter.#said.includes('"metering"') || meter.child.exitCode !== null
    await awaited('the meter begins, or ends', begun)
    if (meter.child.exitCode !== null) throw new Error(`the meter ended: ${meter.#said}`)
    return meter
  }

  /** Of the end of its log. */
  get said(): string {
    return this.#said
  }

  /** Every series by its whole name; `sum` adds up those of one metric. */
  async metrics(): Promise<Metrics> {
    return new Metrics(await (await fetch(`http://${METRICS}/metrics`)).text())
  }

  /** Resident memory in MiB: now, and the most there ever was. */
  memoryMiB(): { now: number; peak: number } {
    return memoryMiB(this.child.pid!)
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal)
    await this.#closed
    return this.child.exitCode
  }
}

export class Metrics {
  readonly #series: readonly (readonly [string, number])[]

  constructor(text: string) {
    this.#series = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const at = line.lastIndexOf(' ')
        return [line.slice(0, at), Number(line.slice(at + 1))] as const
      })
  }

  /** Whether there is a series of it. */
  has(name: string): boolean {
    return this.#series.some(([series]) => series.split('{')[0] === name)
  }

  /** Of all label values, or of those series whose labels contain a text. */
  sum(name: string, label = ''): number {
    return this.#series
      .filter(([series]) => series.split('{')[0] === name && series.includes(label))
      .reduce((sum, [, value]) => sum + value, 0)
  }
}

export function memoryMiB(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (name: string): number =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024)
  return { now: of('VmRSS'), peak: of('VmHWM') }
}
