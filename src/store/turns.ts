/** Work of several callers, one after the other. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  get busy(): boolean {
    return this.#waiting > 0
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++
    const turn = this.#last.then(work, work)
    this.#last = turn
    try {
      return await turn
    } finally {
      this.#waiting--
    }
  }
}
