/**
 * Makes new files of this process readable by its user only, because they hold keys and sessions.
 */
export function ownerOnly(): void {
  process.umask(0o077)
}
