/** Logs a repeated failure when it begins, when it changes and when it is over. */
export class SayOnce {
  #said: string | null = null

  get isTroubled(): boolean {
    return this.#said !== null
  }

  /** @returns true when it is not what was said last */
  begins(problem: string): boolean {
    if (this.#said === problem) return false
    this.#said = problem
    return true
  }

  /** @returns true when there was something */
  isOver(): boolean {
    const was = this.#said !== null
    this.#said = null
    return was
  }
}

const AGAIN_MS = 3_600_000
const TEXTS_MAX = 16

/** What many things may have in common is said for the first of them, and again after an hour; at most 16 texts an hour. */
export class SayEach {
  readonly #nowMs: () => number
  readonly #said = new Map<string, number>()

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** @param text numbers in it do not make it another one */
  isNew(text: string): boolean {
    const now = this.#nowMs()
    for (const [old, atMs] of this.#said) if (now - atMs >= AGAIN_MS) this.#said.delete(old)
    const key = text.replace(/\d+/g, '#')
    if (this.#said.has(key) || this.#said.size >= TEXTS_MAX) return false
    this.#said.set(key, now)
    return true
  }
}
