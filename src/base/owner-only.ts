/** What this process makes from now on, only its user may read: keys, and who talked to whom. */
export function ownerOnly(): void {
  process.umask(0o077)
}
