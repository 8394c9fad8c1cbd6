/** Reads that wait until the database holds all batches acknowledged before, or cannot take them for now. */
interface Read {
  /** The last log entry that the read waits for. */
  readonly lsn: number
  readonly done: () => void
}

export class WaitingReads {
  #reads: Read[] = []
  /** Reads whose waiting time was over. */
  late = 0

  get some(): boolean {
    return this.#reads.length > 0
  }

  /** The last log entry that any read waits for, which is that of the newest read. Infinity: none waits. */
  get wantedLsn(): number {
    return this.#reads.at(-1)?.lsn ?? Number.POSITIVE_INFINITY
  }

  /** @returns false after waitMs without success */
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

  /**
   * Ends the waiting of reads for entries before this one.
   * @param lsn the first entry that the database does not hold
   */
  answerBefore(lsn: number): void {
    for (const read of this.#reads) if (read.lsn < lsn) read.done()
    this.#reads = this.#reads.filter((read) => read.lsn >= lsn)
  }
}
