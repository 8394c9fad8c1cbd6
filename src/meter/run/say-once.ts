/** Something that is tried again and again is said when it begins, when it changes and when it is over. */
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
