/** A TUN device with packets on it: bench/tun-injector.cc, in this network namespace. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const SOURCE = fileURLToPath(new URL('../../bench/tun-injector.cc', import.meta.url))
const PACKET_BYTES = 60

export interface Injection {
  /** 0: as fast as it goes. */
  readonly packetsPerSecond: number
  readonly seconds: number
  /** UDP five-tuples to draw from. */
  readonly flows: number
}

export class Injector {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  /** The device is there when it resolves, and goes with close(). */
  static async open(directory: string, device: string, injection: Injection): Promise<Injector> {
    const program = join(directory, 'tun-injector')
    execFileSync('g++', ['-O2', '-std=c++20', '-o', program, SOURCE])
    const { packetsPerSecond, seconds, flows } = injection
    const args = [device, packetsPerSecond, seconds, flows, PACKET_BYTES].map(String)
    const injector = new Injector(spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
    const { value } = await injector.#lines.next()
    if (value !== 'ready') throw new Error('the injector could not make its device')
    return injector
  }

  /** Packets that the kernel took. */
  async inject(): Promise<number> {
    this.#child.stdin!.write('go\n')
    const { value } = await this.#lines.next()
    return (JSON.parse(value as string) as { sent: number }).sent
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.stdin!.end()
    await exited
  }
}
