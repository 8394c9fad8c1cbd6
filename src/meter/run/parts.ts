/** The parts that were started, to be stopped in reverse order. */

interface Part {
  readonly name: string
  readonly stop: () => void | Promise<void>
}

export class Parts {
  readonly #started: Part[] = []

  /** @param stop must not wait for anything without a bound */
  started(name: string, stop: Part['stop']): void {
    this.#started.push({ name, stop })
  }

  /** All of them, whatever happens in between; each once. @param failed is told what could not be stopped */
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
