// npm run bench [-- --smoke] [-- --only TEXT] [-- --write]
//
// Micro benchmarks of the engine (bench/engine-case.ts), each in a process of its own, then a
// replay of a generated file, alternating with `tcpdump -nn -r FILE -w /dev/null`. Prints a table
// and writes commit, machine and figures to bench/results/engine.local.json (with --write:
// engine.json, to be committed). --smoke only shows that everything runs with right results; its
// times mean nothing.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const { values: flags } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
})

/** Runs a TypeScript file of bench/ and returns its output. */
function tsx(file, args) {
  const command = ['--import', 'tsx', join(ROOT, 'bench', file), ...args]
  const options = { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }
  return execFileSync(process.execPath, command, options)
}

const smoke = flags.smoke ? ['--smoke'] : []
const results = []
const names = tsx('engine-case.ts', ['--list']).trim().split('\n')
for (const name of names.filter((n) => n.includes(flags.only))) {
  const result = JSON.parse(tsx('engine-case.ts', [name, ...smoke]))
  results.push(result)
  process.stdout.write(`${name.padEnd(32)} ${result.nsPerOperation.toFixed(1).padStart(9)} ns\n`)
}

let replay = null
if ('replay'.includes(flags.only)) {
  replay = JSON.parse(tsx('engine-replay.ts', smoke))
  const { packets, shapes } = replay
  for (const { shape, meterMs, tcpdumpMs, ratio } of shapes) {
    const text = `replay/${shape}/${packets / 1e6}M`.padEnd(32)
    const times = `${meterMs.toFixed(0)} ms, tcpdump ${tcpdumpMs.toFixed(0)} ms`
    process.stdout.write(`${text} ${ratio.toFixed(2).padStart(9)} x tcpdump's time (${times})\n`)
  }
}

if (!flags.smoke && flags.only === '') {
  const file = join(ROOT, `bench/results/engine${flags.write ? '' : '.local'}.json`)
  mkdirSync(dirname(file), { recursive: true })
  const { machine, ...rest } = replay
  writeFileSync(file, `${JSON.stringify({ machine, micro: results, replay: rest }, null, 2)}\n`)
  process.stdout.write(`written: ${file}\n`)
}
