/**
 * Longest prefix match over IPv4 and IPv6, /0 included: one path-compressed binary trie for each.
 *
 * A node stands for a prefix; its children's prefixes continue it with a 0 and a 1 bit. Nodes that only branch
 * have no entry. `covering` of an entry is that of the next shorter prefix, so that a match may fall back from
 * the most specific prefix to wider ones without a second walk.
 *
 * Invariants: a child's prefix is longer than its parent's and begins with it; a node without an entry has two
 * children. So there are at most 2n - 1 nodes for n prefixes, and a walk visits at most 33 (129) of them.
 *
 * Insertions build linked nodes; the first match flattens them, since a walk over objects is one cache miss
 * after another. A walk looks at one bit a node and compares nothing: the entries on its way hold the address or
 * differ from it in bits that were skipped. So the deepest is compared at the end, then those that cover it.
 *
 *   nodes: | length | zero | one | entry |    i32 each; 0 is no node, no entry
 */
import { maskOf, parseAddress, parsePrefix } from './address.js'

export interface TrieEntry<T> {
  readonly prefixLength: number
  readonly value: T
  /** The next wider prefix that holds this one. */
  readonly covering: TrieEntry<T> | null
}

interface Entry<T> {
  readonly words: Uint32Array
  readonly prefixLength: number
  value: T
  covering: Entry<T> | null
}

interface Node<T> {
  readonly words: Uint32Array
  readonly length: number
  zero: Node<T> | null
  one: Node<T> | null
  entry: Entry<T> | null
}

interface Flat<T> {
  readonly bits: number
  readonly nodes: Int32Array
  /** Entry 0 is none. */
  readonly entries: readonly (Entry<T> | null)[]
}

const NODE_WORDS = 4

export class PrefixTrie<T> {
  #root4: Node<T> | null = null
  #root6: Node<T> | null = null
  #flat4: Flat<T> | null = null
  #flat6: Flat<T> | null = null
  #size = 0
  readonly #address = new Uint32Array(4)

  get size(): number {
    return this.#size
  }

  /** `merge` gets the value that the same prefix already has. False when the text is no prefix. */
  insert(text: string, merge: (before: T | undefined) => T): boolean {
    const prefix = parsePrefix(text)
    if (prefix === null) return false
    this.#flat4 = null
    this.#flat6 = null
    const leaf = newNode<T>(prefix.words, prefix.length)
    const { top, node } = place(prefix.family === 4 ? this.#root4 : this.#root6, leaf)
    if (prefix.family === 4) this.#root4 = top
    else this.#root6 = top
    if (node.entry === null) this.#size++
    const value = merge(node.entry?.value)
    node.entry = { words: node.words, prefixLength: node.length, value, covering: null }
    return true
  }

  /** The longest prefix that holds the address; null when none does or the text is no address. */
  match(ip: string): TrieEntry<T> | null {
    const address = this.#address
    const family = parseAddress(ip, address)
    if (family === 4) {
      this.#flat4 ??= flatten(this.#root4, 32)
      return longest(this.#flat4, address)
    }
    if (family === 0) return null
    this.#flat6 ??= flatten(this.#root6, 128)
    return longest(this.#flat6, address)
  }
}

function longest<T>({ bits, nodes, entries }: Flat<T>, address: Uint32Array): Entry<T> | null {
  let deepest = 0
  // Node 0 stands for no node; the root, when there is one, is node 1.
  for (let node = nodes.length > NODE_WORDS ? 1 : 0; node !== 0; ) {
    const at = node * NODE_WORDS
    const length = nodes[at]!
    const entry = nodes[at + 3]!
    if (entry !== 0) deepest = entry
    if (length === bits) break
    const bit = (address[length >> 5]! >>> (31 - (length & 31))) & 1
    node = nodes[at + 1 + bit]!
  }
  let entry = entries[deepest] ?? null
  while (entry !== null && !holds(entry, address)) entry = entry.covering
  return entry
}

function holds<T>({ words, prefixLength }: Entry<T>, address: Uint32Array): boolean {
  for (let at = 0; at * 32 < prefixLength; at++)
    if (((words[at]! ^ address[at]!) & maskOf(prefixLength - 32 * at)) !== 0) return false
  return true
}

/** In order of a walk, so that nodes that are visited together lie together. */
function flatten<T>(root: Node<T> | null, bits: number): Flat<T> {
  const rows: number[] = [0, 0, 0, 0]
  const entries: (Entry<T> | null)[] = [null]
  function add(node: Node<T> | null, covering: Entry<T> | null): number {
    if (node === null) return 0
    const at = rows.length
    rows.push(node.length, 0, 0, node.entry === null ? 0 : entries.length)
    if (node.entry !== null) {
      node.entry.covering = covering
      entries.push(node.entry)
    }
    rows[at + 1] = add(node.zero, node.entry ?? covering)
    rows[at + 2] = add(node.one, node.entry ?? covering)
    return at / NODE_WORDS
  }
  add(root, null)
  return { bits, nodes: Int32Array.from(rows), entries }
}

function newNode<T>(words: Uint32Array, length: number): Node<T> {
  return { words, length, zero: null, one: null, entry: null }
}

/** Puts a leaf into the tree below `root`; the node that stands for its prefix may have existed. */
function place<T>(root: Node<T> | null, leaf: Node<T>): { top: Node<T>; node: Node<T> } {
  if (root === null) return { top: leaf, node: leaf }
  const common = commonLength(root, leaf)
  if (common === root.length && common === leaf.length) return { top: root, node: root }
  if (common === root.length) {
    const one = bitAt(leaf.words, common) === 1
    const below = place(one ? root.one : root.zero, leaf)
    if (one) root.one = below.top
    else root.zero = below.top
    return { top: root, node: below.node }
  }
  if (common === leaf.length) {
    setChild(leaf, root)
    return { top: leaf, node: leaf }
  }
  const fork = newNode<T>(masked(leaf.words, common), common)
  setChild(fork, root)
  setChild(fork, leaf)
  return { top: fork, node: leaf }
}

function setChild<T>(parent: Node<T>, child: Node<T>): void {
  if (bitAt(child.words, parent.length) === 1) parent.one = child
  else parent.zero = child
}

function bitAt(words: Uint32Array, bit: number): number {
  return (words[bit >> 5]! >>> (31 - (bit & 31))) & 1
}

function commonLength<T>(a: Node<T>, b: Node<T>): number {
  const limit = Math.min(a.length, b.length)
  for (let at = 0; at * 32 < limit; at++) {
    const difference = a.words[at]! ^ b.words[at]!
    if (difference !== 0) return Math.min(limit, 32 * at + Math.clz32(difference))
  }
  return limit
}

function masked(words: Uint32Array, length: number): Uint32Array {
  return words.map((word, at) => word & maskOf(length - 32 * at))
}
