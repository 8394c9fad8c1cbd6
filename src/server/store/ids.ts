/** Session ids (session-id.ts) in the store: the run as text, the sequence as number. */
export const RUN_LENGTH = 18
export const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const VALUE = new Uint8Array(128)
for (let i = 0; i < BASE32.length; i++) VALUE[BASE32.charCodeAt(i)] = i

/** The last 8 characters: 40 bits. */
export function sequenceOf(sessionId: string): number {
  let value = 0
  for (let i = RUN_LENGTH; i < 26; i++) value = value * 32 + VALUE[sessionId.charCodeAt(i)]!
  return value
}

/** Two characters of a sequence. */
const PAIRS = Array.from({ length: 1024 }, (_, i) => `${BASE32[i >> 5]}${BASE32[i & 31]}`)

export function sessionIdOf(run: string, sequence: number): string {
  const high = Math.floor(sequence / 2 ** 20)
  const low = sequence % 2 ** 20
  return run + PAIRS[high >> 10]! + PAIRS[high & 1023]! + PAIRS[low >> 10]! + PAIRS[low & 1023]!
}
