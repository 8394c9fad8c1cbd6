import type { signIn as english } from '../en/sign-in.js'

export const signIn: typeof english = {
  title: 'Anmelden',
  pasteFirst: 'Fügen Sie zuerst einen Schlüssel ein.',
  heading: 'Mit einem Schlüssel anmelden',
  signedOut: (why) => `Sie wurden abgemeldet. ${why}`,
  lead: 'Wer wann und wie lange welche private Ressource erreichte, und wie viele Daten in jede Richtung flossen.',
  key: 'Schlüssel',
  signingIn: 'Anmeldung läuft…',
  whereFrom: 'Woher bekomme ich einen Schlüssel?',
  onServer: 'Auf dem Server, je Person oder Programm einmal:',
  scopes:
    'Ein Schlüssel *read* sieht die Verbindungen; ein Schlüssel *admin* darf auch Aufbewahrung, Schlüssel und Katalog ändern.',
}
