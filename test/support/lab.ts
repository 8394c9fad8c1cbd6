/**
 * A network laboratory: namespaces joined by veth pairs, real WireGuard (wireguard-go) between them, real
 * programs inside them. Used by the end-to-end tests and by scripts/make-fixtures.mjs. Needs root.
 *
 * Everything that a lab makes carries its prefix and goes away with `close()`, also after a failure: processes
 * that were started are killed by their own pid, namespaces (with all interfaces in them) are deleted. A lab
 * that crashed is cleaned up by the next one with the same prefix. Nothing outside the namespaces is touched.
 *
 * WireGuard interface names are unique over all namespaces of a lab, since wireguard-go puts its sockets in one
 * directory, /var/run/wireguard, which namespaces share.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'

export interface RunResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  /** Exit codes other than 0 that are no error here. */
  readonly allow?: readonly number[]
  readonly timeoutMs?: number
}

/** Runs a program to its end. Throws with its standard error when it fails. */
export function run(file: string, args: readonly string[], options: RunOptions = {}) {
  return new Promise<RunResult>((resolve, reject) => {
    const child = execFile(
      file,
      args,
      { maxBuffer: 64 * 1024 * 1024, timeout: options.timeoutMs ?? 60_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        if (code === 0 || options.allow?.includes(code)) resolve({ code, stdout, stderr })
        else reject(new Error(`${file} ${args.join(' ')}: exit ${code}: ${stderr || error}`))
      },
    )
    // A program may end before it has read its input; that is its business.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input ?? '')
  })
}

/** Awaits a condition; the deadline is for tests that would hang otherwise, not a measurement. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeoutMs = 60_000,
  everyMs = 20,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** A running program with its output so far. */
export class LabProcess {
  readonly child: ChildProcess
  readonly exited: Promise<number>
  readonly name: string
  stdout = ''
  stderr = ''
  exitCode: number | undefined

  constructor(name: string, child: ChildProcess) {
    this.name = name
    this.child = child
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.exited = new Promise((resolve) => {
      child.on('error', (error) => {
        this.stderr += String(error)
        this.exitCode = -1
        resolve(-1)
      })
      child.on('exit', (code, signal) => {
        this.exitCode = code ?? (signal === null ? -1 : -2)
        resolve(this.exitCode)
      })
    })
  }

  /** Awaits a text on either output. */
  async says(text: string, timeoutMs = 60_000): Promise<void> {
    await until(
      `"${text}" from ${this.name}`,
      () => {
        if (this.stdout.includes(text) || this.stderr.includes(text)) return true
        if (this.exitCode === undefined) return false
        throw new Error(`${this.name} exited with ${this.exitCode} first: ${this.stderr}`)
      },
      timeoutMs,
    )
  }

  /** JSON lines of standard output. */
  json<T>(): T[] {
    return this.stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as T)
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    if (this.exitCode === undefined) this.child.kill(signal)
    return this.exited
  }
}

export interface InterfaceCounters {
  readonly rxPackets: number
  readonly rxBytes: number
  readonly rxDropped: number
  readonly txPackets: number
  readonly txBytes: number
  readonly txDropped: number
}

export class Namespace {
  readonly name: string
  readonly #lab: Lab

  constructor(lab: Lab, name: string) {
    this.#lab = lab
    this.name = name
  }

  run(file: string, args: readonly string[], options?: RunOptions): Promise<RunResult> {
    return run('ip', ['netns', 'exec', this.name, file, ...args], options)
  }

  /** `ip` with the words of one line. */
  ip(line: string): Promise<RunResult> {
    return run('ip', ['-n', this.name, ...line.split(' ')])
  }

  spawn(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): LabProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    return this.#lab.own(new LabProcess(`${file} ${args.join(' ')} in ${this.name}`, child))
  }

  /** The kernel's own counters of an interface. */
  async counters(interfaceName: string): Promise<InterfaceCounters> {
    const { stdout } = await this.run('ip', ['-j', '-s', 'link', 'show', 'dev', interfaceName])
    const { rx, tx } = JSON.parse(stdout)[0].stats64
    return {
      rxPackets: rx.packets,
      rxBytes: rx.bytes,
      rxDropped: rx.dropped + rx.errors,
      txPackets: tx.packets,
      txBytes: tx.bytes,
      txDropped: tx.dropped + tx.errors,
    }
  }
}

export interface KeyPair {
  readonly privateKey: string
  readonly publicKey: string
}

/** A WireGuard key pair: X25519, base64. */
export function generateKeys(): KeyPair {
  const jwk = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })
  const base64 = (text = '') => Buffer.from(text, 'base64url').toString('base64')
  return { privateKey: base64(jwk.d), publicKey: base64(jwk.x) }
}

export interface PeerConfig {
  readonly publicKey: string
  readonly allowedIps: readonly string[]
  readonly endpoint?: string
  readonly keepaliveSeconds?: number
}

/** A WireGuard interface in a namespace. */
export class WireGuardInterface {
  readonly namespace: Namespace
  readonly name: string
  readonly keys: KeyPair
  readonly process: LabProcess

  constructor(namespace: Namespace, name: string, keys: KeyPair, process: LabProcess) {
    this.namespace = namespace
    this.name = name
    this.keys = keys
    this.process = process
  }

  async setPeer(peer: PeerConfig): Promise<void> {
    const words = ['set', this.name, 'peer', peer.publicKey]
    words.push('allowed-ips', peer.allowedIps.join(','))
    if (peer.endpoint !== undefined) words.push('endpoint', peer.endpoint)
    if (peer.keepaliveSeconds !== undefined)
      words.push('persistent-keepalive', String(peer.keepaliveSeconds))
    await this.namespace.run('wg', words)
  }

  async removePeer(publicKey: string): Promise<void> {
    await this.namespace.run('wg', ['set', this.name, 'peer', publicKey, 'remove'])
  }

  /** `wg show IF dump`, the peers' rows, without the preshared key. */
  async dump() {
    const { stdout } = await this.namespace.run('wg', ['show', this.name, 'dump'])
    return stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => {
        const [publicKey = '', , endpoint, allowedIps = '', handshake, rx, tx] = line.split('\t')
        return {
          publicKey,
          endpoint: endpoint === '(none)' ? null : (endpoint ?? null),
          allowedIps: allowedIps === '(none)' ? [] : allowedIps.split(','),
          lastHandshakeSeconds: Number(handshake),
          rxBytes: Number(rx),
          txBytes: Number(tx),
        }
      })
  }
}

export class Lab {
  readonly prefix: string
  readonly #processes: LabProcess[] = []
  readonly #namespaces: Namespace[] = []
  readonly #sockets: string[] = []

  private constructor(prefix: string) {
    this.prefix = prefix
  }

  static async create(prefix: string): Promise<Lab> {
    const lab = new Lab(prefix)
    const left = existsSync('/run/netns') ? readdirSync('/run/netns') : []
    for (const name of left.filter((name) => name.startsWith(`${prefix}-`))) await lab.#delete(name)
    return lab
  }

  /** Processes end before the namespaces do, newest first. */
  async close(): Promise<void> {
    for (const one of this.#processes.reverse()) await one.stop('SIGKILL')
    for (const one of this.#namespaces) await this.#delete(one.name)
    for (const socket of this.#sockets) rmSync(socket, { force: true })
  }

  async #delete(name: string): Promise<void> {
    const { stdout } = await run('ip', ['netns', 'pids', name], { allow: [1] })
    for (const pid of stdout.split('\n').filter(Boolean)) {
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch {
        // Ended by itself in between.
      }
    }
    await run('ip', ['netns', 'delete', name], { allow: [1] })
  }

  own(process: LabProcess): LabProcess {
    this.#processes.push(process)
    return process
  }

  async namespace(name: string): Promise<Namespace> {
    const full = `${this.prefix}-${name}`
    await run('ip', ['netns', 'add', full])
    const namespace = new Namespace(this, full)
    this.#namespaces.push(namespace)
    await namespace.ip('link set lo up')
    // No duplicate address detection: addresses work at once; no router solicitations in the captures.
    await namespace.run('sysctl', [
      '-qw',
      'net.ipv6.conf.all.accept_dad=0',
      'net.ipv6.conf.default.accept_dad=0',
      'net.ipv6.conf.default.router_solicitations=0',
      'net.ipv6.conf.all.forwarding=1',
      'net.ipv4.ip_forward=1',
    ])
    return namespace
  }

  /** A bridge in a namespace of its own: the Internet between the peers. */
  async bridge(name: string): Promise<Namespace> {
    const namespace = await this.namespace(name)
    await namespace.ip('link add br0 type bridge')
    await namespace.ip('link set br0 up')
    return namespace
  }

  /** Joins a namespace to a bridge by a veth pair with these addresses. */
  async plug(
    bridge: Namespace,
    namespace: Namespace,
    interfaceName: string,
    addresses: readonly string[],
  ): Promise<void> {
    const port = `p${bridge.name.length}${this.#ports++}`
    await bridge.ip(`link add ${port} type veth peer name ${interfaceName} netns ${namespace.name}`)
    await bridge.ip(`link set ${port} master br0 up`)
    for (const address of addresses)
      await namespace.ip(`address add ${address} dev ${interfaceName}`)
    await namespace.ip(`link set ${interfaceName} up`)
  }
  #ports = 0

  async wireguard(
    namespace: Namespace,
    name: string,
    options: { addresses: readonly string[]; listenPort?: number; mtu?: number },
  ): Promise<WireGuardInterface> {
    const keys = generateKeys()
    const socket = `/var/run/wireguard/${name}.sock`
    this.#sockets.push(socket)
    rmSync(socket, { force: true })
    const process = namespace.spawn('wireguard-go', ['-f', name], { LOG_LEVEL: 'error' })
    await until(`socket of ${name}`, () => existsSync(socket))
    // Through a pipe: wg opens /dev/stdin by name, which fails on the socket that Node.js makes of it.
    const port = options.listenPort === undefined ? '' : `listen-port ${options.listenPort}`
    const line = `cat | wg set ${name} private-key /dev/stdin ${port}`
    await namespace.run('sh', ['-c', line], { input: keys.privateKey })
    for (const address of options.addresses)
      await namespace.ip(`address add ${address} dev ${name}`)
    await namespace.ip(`link set ${name} mtu ${options.mtu ?? 1420} up`)
    return new WireGuardInterface(namespace, name, keys, process)
  }
}
