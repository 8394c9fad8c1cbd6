/**
 * Packets that wait until it is known what the first one's stamp, more than a minute ahead, means: silence, a clock that
 * was set, or a wrong stamp. Rules: docs/accuracy.md.
 */
import type { Packet } from './capture.js'
import { type Clocks, STEP_US } from './clocks.js'

const HELD_MAX = 16
const TELLING_US = 1_000_000

export type Meaning = 'silence' | 'wrongStamp' | 'interfaceWasSet' | 'clockWasSet'

export class Held {
  readonly packets: Packet[] = []
  readonly #clocks: Clocks

  constructor(clocks: Clocks) {
    this.#clocks = clocks
  }

  /** What a packet after them says about the first one; null: nothing. `over`: nobody else is asked. */
  hear(packet: Packet): 'wrongStamp' | 'interfaceWasSet' | 'over' | null {
    const [first] = this.packets
    if (first === undefined || packet.ns === null) return null
    const [own, other] = [first.interface ?? 0, packet.interface ?? 0]
    const clock = this.#clocks.known(other)
    if (clock === null) return null
    const near = clock.agreesWith(other, microseconds(packet))
    if (clock !== this.#clocks.known(own)) return near ? 'interfaceWasSet' : null
    const beyond = clock.usOf(other, microseconds(packet)) - clock.usOf(own, microseconds(first))
    if (!near && beyond >= -STEP_US) return beyond > TELLING_US ? 'over' : null
    return own === other ? 'wrongStamp' : 'interfaceWasSet'
  }

  get isFull(): boolean {
    return this.packets.length === HELD_MAX
  }
}

export function microseconds({ ns }: Packet): number {
  return Math.max(0, Number(ns! / 1000n))
}
