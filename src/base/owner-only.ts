/** Files that this process makes from now on are readable by its user only: they hold keys, and who talked to whom. */
export function ownerOnly(): void {
  process.umask(0o077)
}
