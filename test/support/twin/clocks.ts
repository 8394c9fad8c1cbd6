/** The clocks that stamp packets: engine time of each, as docs/accuracy.md says under "Time". */

const STEP_US = 60_000_000
/** A jump counts so far: more than any timeout. */
const JUMP_MAX_US = 2 ** 46
/** As in the engine. */
const CLOCKS_MAX = 8

export class Clock {
  /** Engine time; never decreases. */
  nowUs: number
  /** Engine time less the stamp, now and before the clock was set. */
  #offsets: [number, number]
  /** A jump that no second packet has confirmed. */
  aheadUs: number | null = null
  /** The latest stamp confirmed one: engine time of that. */
  confirmedUs: number | null = null

  constructor(nowUs: number, stampUs: number) {
    this.nowUs = nowUs
    this.#offsets = [nowUs - stampUs, nowUs - stampUs]
  }

  agrees(stampUs: number, offset = this.#offsets[0]): boolean {
    return Math.abs(stampUs + offset - this.nowUs) <= STEP_US
  }

  /** Engine time of a packet, which the clock follows unless it is the first one far ahead. */
  stamp(stampUs: number): number {
    this.confirmedUs = null
    if (!this.agrees(stampUs) && this.agrees(stampUs, this.#offsets[1])) this.#offsets.reverse()
    const us = stampUs + this.#offsets[0]
    if (us < this.nowUs - STEP_US) return this.#setBack(stampUs)
    if (us <= this.nowUs + STEP_US) return this.#move(us)
    if (this.aheadUs === null || us < this.aheadUs - STEP_US) {
      this.aheadUs = us
      return this.jumpUs
    }
    this.confirmedUs = this.jumpUs
    const beyond = this.aheadUs - this.jumpUs
    this.#offsets[0] -= beyond
    return this.#move(Math.max(this.confirmedUs, us - beyond))
  }

  /** Where it would be if the jump was confirmed. */
  get jumpUs(): number {
    return Math.min(this.aheadUs ?? this.nowUs, this.nowUs + JUMP_MAX_US)
  }

  /** Time passes without a packet. */
  advance(stampUs: number): void {
    const us = stampUs + this.#offsets[0]
    if (us < this.nowUs - STEP_US) this.#setBack(stampUs)
    else this.#move(us)
  }

  #setBack(stampUs: number): number {
    this.#offsets = [this.nowUs - stampUs, this.#offsets[0]]
    return this.#move(this.nowUs)
  }

  #move(us: number): number {
    this.aheadUs = null
    this.nowUs = Math.max(this.nowUs, us)
    return this.nowUs
  }
}

export class Clocks {
  readonly #all: Clock[] = []
  readonly #ofInterface = new Map<number, Clock>()
  #current: Clock | null = null
  /** Of the latest packet: what it says, confirmed or not. */
  seenUs = 0
  /** What all clocks moved on, from the first stamp: what ticks go by. */
  tickUs: number | null = null

  get current(): Clock {
    return this.#current!
  }

  stamp(interfaceNumber: number, stampUs: number): void {
    const clock = this.#clockOf(interfaceNumber, stampUs)
    this.#current = clock
    const before = clock.nowUs
    this.seenUs = clock.stamp(stampUs)
    this.tickUs = (this.tickUs ?? before) + clock.nowUs - before
  }

  advance(stampUs: number): void {
    const clock = this.#current ?? this.#clockOf(0, stampUs)
    this.#current = clock
    const before = clock.nowUs
    clock.advance(stampUs)
    this.seenUs = clock.nowUs
    this.tickUs = (this.tickUs ?? before) + clock.nowUs - before
  }

  /** Engine time of that clock; of the latest packet's: what that packet says. */
  now(clock: Clock): number {
    return clock === this.#current ? this.seenUs : clock.nowUs
  }

  /** The end: a jump that nobody contradicted was one. */
  settle(): void {
    for (const clock of this.#all) {
      if (clock.aheadUs === null) continue
      clock.confirmedUs = clock.jumpUs
      clock.nowUs = clock.jumpUs
    }
  }

  #clockOf(interfaceNumber: number, stampUs: number): Clock {
    let clock = this.#ofInterface.get(interfaceNumber)
    clock ??= this.#all.find((each) => each.agrees(stampUs))
    if (clock === undefined && this.#all.length === CLOCKS_MAX) clock = this.#all.at(-1)
    if (clock === undefined) {
      clock = new Clock(this.tickUs ?? stampUs, stampUs)
      this.#all.push(clock)
    }
    this.#ofInterface.set(interfaceNumber, clock)
    return clock
  }
}
