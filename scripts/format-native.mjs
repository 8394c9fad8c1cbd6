// Formats the C++ sources with clang-format. With --check it only reports files that need it.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const files = readdirSync('native', { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(h|cc)$/.test(name))
  .map((name) => join('native', name))
// Versions format differently; 14 is Debian 12's.
const tool = ['clang-format-14', 'clang-format'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
)
if (tool === undefined) {
  process.stderr.write(
    'format-native: clang-format is missing. Run: apt-get install clang-format\n',
  )
  process.exit(1)
}
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i']
process.exitCode = spawnSync(tool, [...mode, ...files], { stdio: 'inherit' }).status ?? 1
