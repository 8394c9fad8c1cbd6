/**
 * RELP, version 0 (librelp's "The Reliable Event Logging Protocol"): syslog with an answer to each message.
 *
 *   TXNR SP COMMAND SP DATALEN [SP DATA] LF      open, syslog, close; the answer of each is `TXNR rsp LEN CODE TEXT`
 *
 * Answers are read while the messages are still being written. The attempt is delivered when each message was answered
 * with 200.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type Outcome, shown } from '../outcome.js'

/** The limit for one answer. A longer one ends the attempt. */
const ANSWER_BYTES_MAX = 64 * 1024
const OPEN = 'relp_version=0\nrelp_software=tunmeter\ncommands=syslog'
const HEAD = /^(\d{1,9}) ([A-Za-z]{1,32}) (\d{1,9})([ \n])/
/** What may still become a HEAD. Anything else is noticed at once, not when the attempt takes too long. */
const START_OF_HEAD = /^(\d{1,9}( ([A-Za-z]{1,32}( (\d{1,9})?)?)?)?)?$/
const OK = 200
/** The number of the first message; 1 is `open`. */
const FIRST = 2

/** @param frames each `LEN SP MSG`, as in RFC 5425. A RELP frame ends with the same text and LF */
export async function sendRelp(
  socket: Socket,
  frames: readonly string[],
  signal: AbortSignal,
): Promise<Outcome> {
  const give = () => socket.destroy()
  signal.addEventListener('abort', give, { once: true })
  const answers = readAnswers(socket)
  try {
    await write(socket, `1 open ${OPEN.length} ${OPEN}\n`, signal)
    const opened = await next(answers)
    if (opened.code !== OK) return { kind: 'blocked', status: opened.code, text: opened.text }
    const written = write(socket, wrapped(frames), signal)
    // A failed write destroys the socket, so that the wait for answers fails too.
    written.catch((error: unknown) => socket.destroy(error as Error))
    let refused: Answer | undefined
    const unanswered = new Set(frames.map((_, i) => FIRST + i))
    while (unanswered.size > 0) {
      const answer = await next(answers)
      if (!unanswered.delete(answer.number))
        throw new Error('the receiver answered what it was not sent, or twice')
      if (answer.code !== OK) refused ??= answer
    }
    await written
    socket.end(`${FIRST + frames.length} close 0\n`)
    if (refused === undefined) return { kind: 'delivered', status: null }
    return { kind: 'refused', status: refused.code, text: refused.text }
  } finally {
    signal.removeEventListener('abort', give)
    socket.destroy()
  }
}

function wrapped(frames: readonly string[]): string {
  return frames.map((frame, i) => `${FIRST + i} syslog ${frame}\n`).join('')
}

async function write(socket: Socket, text: string, signal: AbortSignal): Promise<void> {
  if (!socket.write(text)) await once(socket, 'drain', { signal })
}

interface Answer {
  /** The number of the answered message. */
  readonly number: number
  readonly code: number
  readonly text: string
}

async function next(answers: AsyncGenerator<Answer>): Promise<Answer> {
  const { value, done } = await answers.next()
  if (done) throw new Error('the receiver closed the connection before it had answered')
  return value
}

async function* readAnswers(socket: Socket): AsyncGenerator<Answer, undefined> {
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk])
    for (;;) {
      const frame = frameOf(bytes)
      if (frame === null) break
      bytes = bytes.subarray(frame.length)
      if (frame.command === 'serverclose') return undefined
      if (frame.command !== 'rsp') throw new Error(`the receiver sent "${frame.command}"`)
      yield { number: frame.number, ...answerOf(frame.data) }
    }
    if (bytes.length > ANSWER_BYTES_MAX) throw new Error('the receiver sent no RELP')
  }
  return undefined
}

interface Frame {
  readonly number: number
  readonly command: string
  readonly data: string
  readonly length: number
}

/** Null: the frame is incomplete. @throws Error if the bytes are not a frame */
function frameOf(bytes: Buffer): Frame | null {
  const line = bytes.subarray(0, 64).toString('latin1')
  const [head, number, command = '', size = '', end] = HEAD.exec(line) ?? []
  if (head === undefined) {
    if (START_OF_HEAD.test(line)) return null
    throw new Error('the receiver sent no RELP')
  }
  const data = Number(size)
  // Without data, the frame may end right behind its length.
  const from = data === 0 && end === '\n' ? head.length - 1 : head.length
  const length = from + data + 1
  if (length > ANSWER_BYTES_MAX) throw new Error('the receiver sent no RELP')
  if (bytes.length < length) return null
  if (bytes[length - 1] !== 0x0a) throw new Error('the receiver sent no RELP')
  return {
    number: Number(number),
    command,
    data: bytes.subarray(from, from + data).toString('utf8'),
    length,
  }
}

function answerOf(data: string): Omit<Answer, 'number'> {
  const [, code = '0', text = ''] = /^(\d{3})\s?([\s\S]*)$/.exec(data) ?? []
  return { code: Number(code), text: shown(code === '0' ? `no code: ${data}` : text) }
}
