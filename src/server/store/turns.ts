/** Work of several callers, one after the other in the order of their coming; who leaves loses the place. */
export class Turns {
  readonly #waiting: (() => void)[] = []
  #busy = false

  /** Somebody's work runs. */
  get busy(): boolean {
    return this.#busy
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** @param signal ends the waiting, not the work */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    if (this.#busy) await this.#place(signal)
    this.#busy = true
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      // It stays busy for the next, which runs a moment later.
      if (next === undefined) this.#busy = false
      else next()
    }
  }

  #place(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const next = () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(next), 1)
        reject(signal!.reason as Error)
      }
      this.#waiting.push(next)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }
}
