/** The started parts of a meter, stopped in reverse order. */

interface Part {
  readonly name: string
  readonly stop: () => void | Promise<void>
}

export class Parts {
  readonly #started: Part[] = []

  /** @param stop must not wait without a bound */
  started(name: string, stop: Part['stop']): void {
    this.#started.push({ name, stop })
  }

  /** Stops each part once, also when another fails. @param failed called for each failure */
  async stop(failed: (name: string, error: unknown) => void): Promise<void> {
    for (let part = this.#started.pop(); part !== undefined; part = this.#started.pop()) {
      const { name } = part
      try {
        await part.stop()
      } catch (error) {
        failed(name, error)
      }
    }
  }
}
