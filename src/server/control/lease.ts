/** Which one of several servers does the regular chores. If two servers do them at once, that only wastes work. */
export interface Lease {
  /** Takes the lease if it is free. Another server gets it after this one has stopped. */
  isMine(): Promise<boolean>
  close(): Promise<void>
}

/** For a server that shares its store with no other. */
export const ALWAYS_MINE: Lease = {
  isMine: () => Promise.resolve(true),
  close: () => Promise.resolve(),
}
