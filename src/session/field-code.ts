/**
 * Makes functions that copy named fields, once, from lists of names: the code that one would write
 * by hand, with objects of one shape. It runs for every session, and a loop over names is several
 * times slower (docs/decisions/field-code.md).
 */

/** `(a, b) => ({ x: a.x, y: a.y, z: b.z })` of `['x', 'y'], ['z']`. */
export function picker<Out, In extends readonly object[]>(
  ...names: { readonly [K in keyof In]: readonly (keyof In[K] & keyof Out & string)[] }
): (...from: In) => Out {
  const parameters = names.map((_, i) => `from${i}`)
  const fields = names.flatMap((list, i) => list.map((name) => `${key(name)}: from${i}.${name}`))
  return made(parameters, `return { ${fields.join(', ')} }`)
}

/** `(to, from) => { to.x = from.x; to.y = from.y }` of `['x', 'y']`. */
export function assigner<From extends object>(
  names: readonly (keyof From & string)[],
): (to: { -readonly [K in keyof From]: From[K] }, from: From) => void {
  return made(['to', 'from'], names.map((name) => `to.${key(name)} = from.${name}`).join('; '))
}

/** `(from) => from.x` of `x`. */
export function getter<From extends object, Name extends keyof From & string>(
  name: Name,
): (from: From) => From[Name] {
  return made(['from'], `return from.${key(name)}`)
}

/** `(columns, i) => ({ x: columns.x[i], y: columns.y[i] })` of `['x', 'y']`. */
export function rowPicker<Row extends object>(
  names: readonly (keyof Row & string)[],
): (columns: { readonly [K in keyof Row]: ArrayLike<Row[K]> }, i: number) => Row {
  const fields = names.map((name) => `${key(name)}: columns.${name}[i]`)
  return made(['columns', 'i'], `return { ${fields.join(', ')} }`)
}

/** A class of objects with these fields. Its constructor takes their values in this order. */
export function classOf<T extends object>(
  names: readonly (keyof T & string)[],
): new (
  values: readonly unknown[],
) => T {
  const fields = names.map((name, i) => `this.${key(name)} = values[${i}]`)
  const define: () => new (values: readonly unknown[]) => T = made(
    [],
    `return class { constructor(values) { ${fields.join('; ')} } }`,
  )
  return define()
}

/**
 * Adds getters to a class: `class extends Base { get x() { return this.u64(8) } }` of `['x',
 * 'this.u64(8)']`.
 */
export function withGetters<Base extends new (...values: never[]) => object, More extends object>(
  base: Base,
  getters: readonly (readonly [name: keyof More & string, expression: string])[],
): new (
  ...values: ConstructorParameters<Base>
) => InstanceType<Base> & More {
  const members = getters.map(([name, value]) => `get ${key(name)}() { return ${value} }`)
  const extend: (
    base: Base,
  ) => new (
    ...values: ConstructorParameters<Base>
  ) => InstanceType<Base> & More = made(
    ['Base'],
    `return class extends Base { ${members.join(' ')} }`,
  )
  return extend(base)
}

/**
 * `(row) => ({ a: x(row), b: { c: y(row) } })` of `[[['a'], x], [['b', 'c'], y]]`. JSON leaves out undefined, and
 * an object of nothing else is undefined itself.
 */
export function nester<Row>(
  leaves: readonly (readonly [path: readonly string[], read: (row: Row) => unknown])[],
): (row: Row) => Record<string, unknown> {
  const names = leaves.map((_, i) => `read${i}`)
  const values = names.map((name, i) => `const v${i} = ${name}(row)`)
  const body = nested(leaves.map(([path], i) => ({ path, value: `v${i}` })))
  const make: (reads: readonly ((row: Row) => unknown)[]) => (row: Row) => Record<string, unknown> =
    made(
      ['reads'],
      `const [${names.join(', ')}] = reads; return (row) => { ${values.join('; ')}; return ${body} }`,
    )
  return make(leaves.map(([, read]) => read))
}

function nested(leaves: readonly { path: readonly string[]; value: string }[]): string {
  const byName = new Map<string, { path: readonly string[]; value: string }[]>()
  for (const { path, value } of leaves) {
    const [name, ...rest] = path as [string, ...string[]]
    byName.set(name, [...(byName.get(name) ?? []), { path: rest, value }])
  }
  const members = [...byName].map(([name, own]) => {
    const [first] = own as [{ path: readonly string[]; value: string }]
    if (first.path.length === 0) return `${quoted(name)}: ${own.at(-1)!.value}`
    const isEmpty = own.map(({ value }) => `${value} === undefined`).join(' && ')
    return `${quoted(name)}: ${isEmpty} ? undefined : ${nested(own)}`
  })
  return `{ ${members.join(', ')} }`
}

function quoted(name: string): string {
  if (!/^[@A-Za-z][\w.]*$/.test(name)) throw new Error(`not a name of a field: ${name}`)
  return JSON.stringify(name)
}

/** Names come from tables of this program. Anything else must not become code. */
function key(name: string): string {
  if (!/^[A-Za-z]\w*$/.test(name)) throw new Error(`not a name of a field: ${name}`)
  return name
}

function made<F>(parameters: readonly string[], body: string): F {
  return new Function(...parameters, body) as F
}
