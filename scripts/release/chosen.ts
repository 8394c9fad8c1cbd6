/** The names that are on the command line, or all when there are none. */
export function chosen<T extends string>(all: readonly T[]): readonly T[] {
  const wanted = all.filter((name) => process.argv.includes(name))
  return wanted.length === 0 ? all : wanted
}
