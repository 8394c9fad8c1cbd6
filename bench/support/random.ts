/** sfc32: small, fast, seeded; the same seed gives the same traffic on every machine. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter: number

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = 0x9e3779b9
    this.#c = 0x243f6a88
    this.#counter = 1
    for (let i = 0; i < 16; i++) this.u32()
  }

  u32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0
    return t >>> 0
  }

  /** In [0, 1). */
  unit(): number {
    return this.u32() / 2 ** 32
  }

  /** In [0, bound). */
  below(bound: number): number {
    return Math.floor(this.unit() * bound)
  }
}
