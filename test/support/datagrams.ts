/** A socket as systemd's for sd_notify(3). */
import { spawn } from 'node:child_process'
import { onTestFinished } from 'vitest'

/** Node has no datagram sockets of this family; Python, which building the addon needs anyway, has. */
export function listenDatagrams(path: string): { text: string } {
  const script = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
print("listening", flush=True)
while True: print(s.recv(4096).decode(), flush=True)
`
  const child = spawn('python3', ['-c', script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const heard = { text: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    heard.text += chunk.toString()
  })
  return heard
}
