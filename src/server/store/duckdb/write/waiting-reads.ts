/** Reads that wait until the database has, or has refused for now, what was acknowledged before they began. */
interface Read {
  /** Of the last entry of the log that it waits for. */
  readonly lsn: number
  readonly done: () => void
}

export class WaitingReads {
  #reads: Read[] = []
  /** Answers that could not wait any longer. */
  late = 0

  get some(): boolean {
    return this.#reads.length > 0
  }

  /** Of the last entry that any of them waits for: the newest waits for the most. */
  get wantedLsn(): number {
    return this.#reads.at(-1)?.lsn ?? 0
  }

  /** @returns false when it could not wait any longer */
  wait(lsn: number, waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const late = () => {
        this.late++
        this.#reads.splice(this.#reads.indexOf(read), 1)
        resolve(false)
      }
      const timer = Number.isFinite(waitMs) ? setTimeout(late, waitMs) : undefined
      const done = () => {
        clearTimeout(timer)
        resolve(true)
      }
      const read = { lsn, done }
      this.#reads.push(read)
    })
  }

  /** @param lsn of the first entry that the database does not have */
  answerBefore(lsn: number): void {
    for (const read of this.#reads) if (read.lsn < lsn) read.done()
    this.#reads = this.#reads.filter((read) => read.lsn >= lsn)
  }
}
