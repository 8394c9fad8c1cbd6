/** Which one of several servers does the regular chores. Two that do them at once waste work, and nothing more. */
export interface Lease {
  /** Takes it if it is free. It passes to another server when this one has gone. */
  isMine(): Promise<boolean>
  close(): Promise<void>
}

/** Of a server that is the only one. */
export const ALWAYS_MINE: Lease = {
  isMine: () => Promise.resolve(true),
  close: () => Promise.resolve(),
}
