/** The clocks that stamp packets: engine time of each, as docs/accuracy.md says under "Time". */

export const STEP_US = 60_000_000
/** A jump counts so far: more than any timeout. */
const JUMP_MAX_US = 2 ** 46
/** As in the engine. */
const CLOCKS_MAX = 8

/** Engine time less the stamps of one interface, now and before its clock was set. */
class Stamps {
  offset: number
  before: number

  constructor(offset: number) {
    this.offset = offset
    this.before = offset
  }

  set(offset: number): void {
    this.before = this.offset
    this.offset = offset
  }

  /** What was set is as it was. */
  comeBack(isAsBefore: (offset: number) => boolean): void {
    if (isAsBefore(this.offset) || !isAsBefore(this.before)) return
    this.set(this.before)
  }
}

export class Clock {
  /** Engine time; never decreases. */
  nowUs: number
  /** What all clocks had moved on when a packet of another clock came. */
  leftUs = 0
  readonly #stamps = new Map<number, Stamps>()
  /** Of the latest packet. */
  #offset: number

  constructor(nowUs: number, stampUs: number) {
    this.nowUs = nowUs
    this.#offset = nowUs - stampUs
  }

  agrees(stampUs: number, offset = this.#offset): boolean {
    return Math.abs(stampUs + offset - this.nowUs) <= STEP_US
  }

  /** By the offset of its interface, or that from before it was set. */
  agreesWith(interfaceNumber: number, stampUs: number): boolean {
    const { offset, before } = this.#of(interfaceNumber)
    return this.agrees(stampUs, offset) || this.agrees(stampUs, before)
  }

  /** How far that stamp is ahead of the clock: more than a minute, or 0. */
  aheadUs(interfaceNumber: number, stampUs: number): number {
    if (this.agreesWith(interfaceNumber, stampUs)) return 0
    return Math.max(0, this.usOf(interfaceNumber, stampUs) - this.nowUs)
  }

  usOf(interfaceNumber: number, stampUs: number): number {
    return stampUs + this.#of(interfaceNumber).offset
  }

  /** The clock follows that packet. */
  stamp(interfaceNumber: number, stampUs: number): void {
    const stamps = this.#of(interfaceNumber)
    stamps.comeBack((offset) => this.agrees(stampUs, offset))
    const us = stampUs + stamps.offset
    if (us < this.nowUs - STEP_US) stamps.set(this.nowUs - stampUs)
    const beyond = us - this.nowUs - JUMP_MAX_US
    if (beyond > 0) for (const each of this.#stamps.values()) each.offset -= beyond
    this.#offset = stamps.offset
    this.#move(stampUs + stamps.offset)
  }

  /** The clock of that interface was set: its stamp is now. */
  interfaceWasSet(interfaceNumber: number, stampUs: number): void {
    this.#of(interfaceNumber).set(this.nowUs - stampUs)
  }

  /** The clock of all interfaces was. */
  wasSet(interfaceNumber: number, stampUs: number): void {
    const by = this.usOf(interfaceNumber, stampUs) - this.nowUs
    for (const stamps of this.#stamps.values()) stamps.set(stamps.offset - by)
  }

  /** Time passes without a packet. */
  advance(stampUs: number): void {
    const us = stampUs + this.#offset
    if (us < this.nowUs - STEP_US) {
      this.#offset += this.nowUs - us
      for (const stamps of this.#stamps.values()) stamps.set(stamps.offset + this.nowUs - us)
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

  #move(us: number): void {
    this.nowUs = Math.max(this.nowUs, us)
  }
}

export class Clocks {
  readonly #all: Clock[] = []
  readonly #ofInterface = new Map<number, Clock>()
  #current: Clock | null = null
  /** What all clocks moved on, from the first stamp: what ticks go by. */
  tickUs: number | null = null

  /** Of the latest packet. */
  get current(): Clock {
    return this.#current!
  }

  /** A stamp more than a minute ahead, and not because time went on elsewhere: what comes next tells what it means. */
  isAhead(interfaceNumber: number, stampUs: number): boolean {
    const clock = this.of(interfaceNumber, stampUs)
    const ahead = clock.aheadUs(interfaceNumber, stampUs)
    const elsewhere = clock === this.#current ? 0 : (this.tickUs ?? 0) - clock.leftUs
    return ahead > STEP_US + elsewhere
  }

  stamp(interfaceNumber: number, stampUs: number): void {
    const clock = this.#goTo(this.of(interfaceNumber, stampUs))
    const before = clock.nowUs
    clock.stamp(interfaceNumber, stampUs)
    this.tickUs = (this.tickUs ?? before) + clock.nowUs - before
  }

  /** A packet whose stamp says nothing. */
  stay(interfaceNumber: number, stampUs: number): void {
    if (this.isAhead(interfaceNumber, stampUs)) this.#goTo(this.of(interfaceNumber, stampUs))
    else this.stamp(interfaceNumber, stampUs)
  }

  advance(stampUs: number): void {
    const clock = this.#current ?? this.of(0, stampUs)
    this.#current = clock
    const before = clock.nowUs
    clock.advance(stampUs)
    this.tickUs = (this.tickUs ?? before) + clock.nowUs - before
  }

  #goTo(clock: Clock): Clock {
    if (this.#current !== null && clock !== this.#current) this.#current.leftUs = this.tickUs!
    this.#current = clock
    return clock
  }

  known(interfaceNumber: number): Clock | null {
    return this.#ofInterface.get(interfaceNumber) ?? null
  }

  of(interfaceNumber: number, stampUs: number): Clock {
    let clock = this.#ofInterface.get(interfaceNumber)
    clock ??= this.#all.find((each) => each.agrees(stampUs))
    if (clock === undefined && this.#all.length === CLOCKS_MAX) clock = this.#all.at(-1)
    if (clock === undefined) {
      clock = new Clock(this.tickUs ?? stampUs, stampUs)
      clock.leftUs = this.tickUs ?? 0
      this.#all.push(clock)
    }
    this.#ofInterface.set(interfaceNumber, clock)
    return clock
  }
}
