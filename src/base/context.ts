/** The parts of the process that a command may use; tests pass their own. */
export interface CommandContext {
  readonly env: NodeJS.ProcessEnv
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}

/** Writes a message for people to standard error, because programs read standard output. */
export function say(context: CommandContext, message: string): void {
  context.stderr.write(`${message}\n`)
}
