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

export function sessionIdOf(run: string, sequence: number): string {
  let tail = ''
  for (let rest = sequence, i = 0; i < 8; i++, rest = Math.floor(rest / 32))
    tail = BASE32[rest % 32] + tail
  return run + tail
}
