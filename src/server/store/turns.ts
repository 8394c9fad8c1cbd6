/**
 * Work of several callers, one after the other in the order of their coming; who leaves loses the place. Of several
 * owners none comes twice while another one waits.
 */
export class Turns {
  readonly #waiting: { readonly owner: string; readonly begin: () => void }[] = []
  /** Whose work runs, or ran last. */
  #owner = ''
  #busy = false

  /** Somebody's work runs. */
  get busy(): boolean {
    return this.#busy
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** @param signal ends the waiting, not the work */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal, owner = ''): Promise<T> {
    signal?.throwIfAborted()
    if (this.#busy) await this.#place(owner, signal)
    this.#busy = true
    this.#owner = owner
    try {
      return await work()
    } finally {
      const next = this.#takeNext()
      // It stays busy for the next, which runs a moment later.
      if (next === undefined) this.#busy = false
      else next.begin()
    }
  }

  #takeNext() {
    const other = this.#waiting.findIndex(({ owner }) => owner !== this.#owner)
    return this.#waiting.splice(Math.max(0, other), 1)[0]
  }

  #place(owner: string, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const next = { owner, begin }
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(next), 1)
        reject(signal!.reason as Error)
      }
      this.#waiting.push(next)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }
}
