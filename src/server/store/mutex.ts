/**
 * A fair mutex: runs one caller's work at a time, in the order of arrival. A caller that aborts loses its place. When
 * callers of several owners wait, no owner runs twice in a row.
 */
export class Mutex {
  readonly #waiting: { readonly owner: string; readonly begin: () => void }[] = []
  /** The owner whose work runs, or ran last. */
  #owner = ''
  #busy = false

  /** True while work runs. */
  get busy(): boolean {
    return this.#busy
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** @param signal aborts the waiting, not the work */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal, owner = ''): Promise<T> {
    signal?.throwIfAborted()
    if (this.#busy) await this.#place(owner, signal)
    this.#busy = true
    this.#owner = owner
    try {
      return await work()
    } finally {
      const next = this.#takeNext()
      // Stays busy for the next caller, which runs a moment later.
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
