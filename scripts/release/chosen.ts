/** Those that the command line names; all, when it names none. */
export function chosen<T extends string>(all: readonly T[]): readonly T[] {
  const wanted = all.filter((name) => process.argv.includes(name))
  return wanted.length === 0 ? all : wanted
}
