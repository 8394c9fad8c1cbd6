/**
 * Longest prefix match over IPv4 and IPv6, /0 included: one path-compressed binary trie for each.
 *
 * A node stands for a prefix; its children's prefixes continue it with a 0 and a 1 bit. Nodes that only branch
 * have no entry. `covering` of a node with an entry is the next shorter prefix that has one, so that a match may
 * fall back from the most specific prefix to wider ones without a second walk.
 *
 * Invariants: a child's prefix is longer than its parent's and begins with it; a node without an entry has two
 * children. So there are at most 2n - 1 nodes for n prefixes, and a walk visits at most 33 (129) of them.
 */
import { maskOf, parseAddress, parsePrefix } from './address.js'

export interface TrieEntry<T> {
  readonly prefixLength: number
  value: T
  /** The next wider prefix that holds this one. */
  readonly covering: TrieEntry<T> | null
}

interface Node<T> {
  words: Uint32Array
  length: number
  zero: Node<T> | null
  one: Node<T> | null
  entry: { prefixLength: number; value: T; covering: TrieEntry<T> | null } | null
}

export class PrefixTrie<T> {
  #root4: Node<T> | null = null
  #root6: Node<T> | null = null
  #sealed = false
  #size = 0
  readonly #address = new Uint32Array(4)

  get size(): number {
    return this.#size
  }

  /**
   * `merge` gets the value that the same prefix already has. False when the text is no prefix.
   * All insertions come before the first match.
   */
  insert(text: string, merge: (before: T | undefined) => T): boolean {
    const prefix = parsePrefix(text)
    if (prefix === null) return false
    this.#sealed = false
    const leaf = newNode<T>(prefix.words, prefix.length)
    const root = prefix.family === 4 ? this.#root4 : this.#root6
    const { top, node } = place(root, leaf)
    if (prefix.family === 4) this.#root4 = top
    else this.#root6 = top
    if (node.entry === null) this.#size++
    node.entry = { prefixLength: node.length, value: merge(node.entry?.value), covering: null }
    return true
  }

  /** The longest prefix that holds the address; null when none does or the text is no address. */
  match(ip: string): TrieEntry<T> | null {
    if (!this.#sealed) this.#seal()
    const address = this.#address
    const family = parseAddress(ip, address)
    if (family === 0) return null
    let node = family === 4 ? this.#root4 : this.#root6
    let best: TrieEntry<T> | null = null
    while (node !== null && holds(node, address)) {
      if (node.entry !== null) best = node.entry
      node = bitAt(address, node.length) === 0 ? node.zero : node.one
    }
    return best
  }

  #seal(): void {
    for (const root of [this.#root4, this.#root6]) link(root, null)
    this.#sealed = true
  }
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

function link<T>(node: Node<T> | null, covering: TrieEntry<T> | null): void {
  if (node === null) return
  if (node.entry !== null) node.entry.covering = covering
  link(node.zero, node.entry ?? covering)
  link(node.one, node.entry ?? covering)
}

function holds<T>(node: Node<T>, address: Uint32Array): boolean {
  const { words, length } = node
  for (let at = 0; at * 32 < length; at++)
    if (((words[at]! ^ address[at]!) & maskOf(length - 32 * at)) !== 0) return false
  return true
}

/** 0 or 1; 0 behind the end (of a full-length prefix, which has no children). */
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
