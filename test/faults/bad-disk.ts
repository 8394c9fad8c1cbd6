/**
 * (g) the spool's disk becomes slow (a sync takes most of a second), then read-only, as file systems do after an I/O
 * error, then good again. A library between the process and the disk makes it so (bad-disk.cc): a real file system
 * cannot be turned read-only under a program that writes to it.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Random } from './random.js'
import type { Result } from './scenarios.js'

const HERE = fileURLToPath(new URL('./', import.meta.url))

export async function badDisk(directory: string, random: Random): Promise<Result> {
  const library = join(directory, 'bad-disk.so')
  const flags = ['-std=c++20', '-O1', '-shared', '-fPIC', '-Wall', '-Wextra', '-Werror']
  execFileSync('g++', [...flags, '-o', library, `${HERE}bad-disk.cc`])
  const disk = join(directory, 'disk')
  mkdirSync(disk)
  const env = { BAD_DISK_DIR: disk, BAD_DISK_STATE: join(directory, 'state'), LD_PRELOAD: library }
  const seed = String(Math.floor(random.next() * 2 ** 32))
  const stdout = execFileSync(
    process.execPath,
    ['--import', 'tsx', `${HERE}bad-disk-inside.ts`, join(disk, 'spool'), seed],
    { env: { ...process.env, ...env }, encoding: 'utf8' },
  )
  return JSON.parse(stdout) as Result
}
