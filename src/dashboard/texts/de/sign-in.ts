import type { signIn as english } from '../en/sign-in.js'

export const signIn: typeof english = {
  title: 'Anmelden',
  pasteFirst: 'Fügen Sie zuerst einen Schlüssel ein.',
  heading: 'Mit einem Schlüssel anmelden',
  signedOut: (why) => `Sie wurden abgemeldet. ${why}`,
  lead: 'Wer welche private Ressource erreichte, wann, wie lange und wie viel in jede Richtung ging.',
  key: 'Schlüssel',
  signingIn: 'Meldet an…',
  whereFrom: 'Woher bekomme ich einen Schlüssel?',
  onServer: 'Auf dem Server, je Person oder Programm einmal:',
  scopes:
    'Ein Schlüssel *read* sieht die Verbindungen; ein Schlüssel *admin* darf auch Aufbewahrung, Schlüssel und Katalog ändern.',
}
