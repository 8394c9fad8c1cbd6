/** The clocks that stamp packets: engine time of each, as docs/accuracy.md says under "Time". */

const STEP_US = 60_000_000
/** A jump counts so far: more than any timeout. */
const JUMP_MAX_US = 2 ** 46
/** As in the engine. */
const CLOCKS_MAX = 8

/** Engine time less the stamps of one interface, now and before its clock was set. */
class Stamps {
  offset: number
  #before: number

  constructor(offset: number) {
    this.offset = offset
    this.#before = offset
  }

  set(offset: number): void {
    this.#before = this.offset
    this.offset = offset
  }

  /** What was set is as it was. */
  comeBack(isAsBefore: (offset: number) => boolean): void {
    if (isAsBefore(this.offset) || !isAsBefore(this.#before)) return
    this.set(this.#before)
  }
}

export class Clock {
  /** Engine time; never decreases. */
  nowUs: number
  readonly #stamps = new Map<number, Stamps>()
  /** Of the latest packet. */
  #offset: number
  /** A jump that no second packet has confirmed, and whose packet that was. */
  aheadUs: number | null = null
  #aheadInterface = 0
  /** The latest stamp confirmed one: engine time of that. */
  confirmedUs: number | null = null

  constructor(nowUs: number, stampUs: number) {
    this.nowUs = nowUs
    this.#offset = nowUs - stampUs
  }

  agrees(stampUs: number, offset = this.#offset): boolean {
    return Math.abs(stampUs + offset - this.nowUs) <= STEP_US
  }

  /** Engine time of a packet, which the clock follows unless it is the first one far ahead. */
  stamp(interfaceNumber: number, stampUs: number): number {
    this.confirmedUs = null
    const stamps = this.#of(interfaceNumber)
    stamps.comeBack((offset) => this.agrees(stampUs, offset))
    const us = stampUs + stamps.offset
    if (us > this.nowUs + STEP_US) return this.#jump(interfaceNumber, us)
    if (us < this.nowUs - STEP_US) stamps.set(this.nowUs - stampUs)
    this.#offset = stamps.offset
    // Another interface's clock was set: for this one time goes on as before.
    if (this.aheadUs !== null && this.#aheadInterface !== interfaceNumber) {
      const ahead = this.#of(this.#aheadInterface)
      ahead.set(ahead.offset - (this.aheadUs - this.nowUs))
    }
    return this.#move(stampUs + stamps.offset)
  }

  #jump(interfaceNumber: number, us: number): number {
    if (this.aheadUs === null || us < this.aheadUs - STEP_US) {
      this.aheadUs = us
      this.#aheadInterface = interfaceNumber
      return this.jumpUs
    }
    this.confirmedUs = this.jumpUs
    const beyond = this.aheadUs - this.jumpUs
    for (const stamps of this.#stamps.values()) stamps.offset -= beyond
    this.#offset = this.#of(interfaceNumber).offset
    return this.#move(Math.max(this.confirmedUs, us - beyond))
  }

  /** Where it would be if the jump was confirmed. */
  get jumpUs(): number {
    return Math.min(this.aheadUs ?? this.nowUs, this.nowUs + JUMP_MAX_US)
  }

  /** Time passes without a packet. */
  advance(stampUs: number): void {
    const us = stampUs + this.#offset
    if (us < this.nowUs - STEP_US) {
      this.#offset += this.nowUs - us
      for (const stamps of this.#stamps.values()) stamps.set(stamps.offset + this.nowUs - us)
      this.#move(this.nowUs)
    } else this.#move(us)
  }

  #of(interfaceNumber: number): Stamps {
    let stamps = this.#stamps.get(interfaceNumber)
    if (stamps === undefined) {
      stamps = new Stamps(this.#offset)
      this.#stamps.set(interfaceNumber, stamps)
    }
    return stamps
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
    this.seenUs = clock.stamp(interfaceNumber, stampUs)
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
