/** Sign-in. */

export const signIn = {
  title: 'Sign in',
  pasteFirst: 'Paste a key first.',
  heading: 'Sign in with a key',
  signedOut: (why: string) => `You were signed out. ${why}`,
  lead: 'Who reached which private resource, when, for how long, and how much went each way.',
  key: 'Key',
  signingIn: 'Signing in…',
  whereFrom: 'Where do I get a key?',
  onServer: 'On the server, once for each person or program:',
  scopes:
    'A *read* key sees the log; an *admin* key may also change retention, keys and the catalog.',
}
