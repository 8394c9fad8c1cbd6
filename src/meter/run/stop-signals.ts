/** How a meter is asked to stop: a signal begins the stop; the deadline or a second signal ends its waiting. */
export class StopSignals {
  readonly #ending = new AbortController()
  readonly #givingUp = new AbortController()
  #end: (reason: string) => void = () => undefined

  /** Aborted when the stop begins. */
  get ending(): AbortSignal {
    return this.#ending.signal
  }

  /** Aborted at --drain-timeout or a second signal: parts stop waiting for servers, disks and readers. */
  get givingUp(): AbortSignal {
    return this.#givingUp.signal
  }

  /** Resolves with the reason of the stop: a signal, or that of end(). */
  listen(): Promise<string> {
    // One handler stays for both signals, because a signal between two handlers would kill the process too early.
    let first = true
    return new Promise((resolve) => {
      this.#end = resolve
      const end = (signal: string): void => {
        if (first) resolve(signal)
        else this.giveUp()
        first = false
      }
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end)
    })
  }

  /** Stops the meter for a reason of its own. */
  end(reason: string): void {
    this.#end(reason)
  }

  stopping(): void {
    this.#ending.abort()
  }

  giveUp(): void {
    this.#givingUp.abort()
  }
}
