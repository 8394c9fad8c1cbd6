/** A wire between this network namespace and another one, an echo server on this side, TCP clients on that one. */
import { execFile, execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { promisify } from 'node:util'

export const DEVICE = 'tmf0'
export const PORT = 7000
export const HELLO = 'hello'
const HERE = '10.213.7.1'
const THERE = '10.213.7.2'

const ip = (...args: string[]): void => void execFileSync('ip', args)

export function makePair(other: string): void {
  ip('link', 'add', DEVICE, 'type', 'veth', 'peer', 'name', 'tmf1', 'netns', other)
  ip('addr', 'add', `${HERE}/24`, 'dev', DEVICE)
  ip('link', 'set', DEVICE, 'up')
  ip('-n', other, 'addr', 'add', `${THERE}/24`, 'dev', 'tmf1')
  ip('-n', other, 'link', 'set', 'tmf1', 'up')
}

export function deletePair(): void {
  ip('link', 'del', DEVICE)
}

export function setLink(state: 'up' | 'down', device = DEVICE): void {
  ip('link', 'set', device, state)
}

export function serveEcho(): void {
  createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(PORT, HERE)
}

const DIAL = `
const { connect } = require('node:net')
const [first, count] = process.argv.slice(1).map(Number)
const one = (localPort) => new Promise((resolve, reject) => {
  const to = { port: ${PORT}, host: '${HERE}', ...(localPort > 0 && { localPort }) }
  const socket = connect(to, () => socket.end('${HELLO}'))
  socket.on('error', reject).on('close', resolve).resume()
})
;(async () => { for (let i = 0; i < count; i++) await one(first > 0 ? first + i : 0) })()
`

/** One connection after the other from the other namespace; of client ports `first`, `first` + 1, ... when given. */
export async function dial(other: string, count: number, first = 0): Promise<void> {
  // Not the synchronous one: the listener is in this process.
  const node = [process.execPath, '-e', DIAL, '--', String(first), String(count)]
  await promisify(execFile)('ip', ['netns', 'exec', other, ...node])
}

/** The kernel's own count of what crossed the wire on this side, both ways. */
export function kernelPackets(): number {
  const text = execFileSync('ip', ['-j', '-s', 'link', 'show', 'dev', DEVICE], { encoding: 'utf8' })
  const { rx, tx } = JSON.parse(text)[0].stats64
  return rx.packets + tx.packets
}
