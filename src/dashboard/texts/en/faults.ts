/** What fails: by the page's own finding, or by the server's refusal. */

/** Failures that the page itself finds. */
export type OwnFault =
  | 'noAnswer'
  | 'unexpectedAnswer'
  | 'exportRefused'
  | 'insecure'
  | 'tooLargeForPage'

export const faults = {
  own: {
    noAnswer: () => 'The server does not answer.',
    unexpectedAnswer: (status: number) => `The server gave an unexpected answer (HTTP ${status}).`,
    exportRefused: (status: number) => `The export was refused (HTTP ${status}).`,
    insecure: () =>
      'Browsers compute hashes only over https or on localhost. Open the dashboard that way, or use tunmeter export.',
    tooLargeForPage: () =>
      'The export is larger than 256 MB, the most that a page can hold. tunmeter export has no limit.',
  } satisfies Record<OwnFault, (status: number) => string>,
  /** @param message the server's words, in English */
  server: (_code: string, message: string) => message,
}
