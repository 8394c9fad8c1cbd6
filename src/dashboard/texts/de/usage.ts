import type { usage as english } from '../en/usage.js'

export const usage: typeof english = {
  title: 'Nutzung',
  hint: 'Monate in UTC. Summen bleiben, wenn die Aufbewahrung die Sitzungen gelöscht hat.',
  totalsBy: 'Summen nach',
  months: 'Monate',
  allTwelve: 'Alle zwölf:',
  fromTo: (from, to) => `${from} bis ${to}`,
  nothingIn: (time) => `Nichts: ${time}`,
  nothingStored: 'In dieser Zeit wurde keine Sitzung gespeichert.',
  find: { client: 'Client suchen', user: 'Benutzer suchen', resource: 'Ressource suchen' },
  inUtc: (time) => `${time} (UTC)`,
  usageIn: (time) => `Nutzung: ${time}`,
  sum: (sent, received) => `${sent} gesendet, ${received} empfangen`,
  amounts: { bytesTx: 'Gesendet', bytesRx: 'Empfangen', bytes: 'Summe', sessions: 'Sitzungen' },
  all: { client: 'Alle Clients', user: 'Alle Benutzer', resource: 'Alle Ressourcen' },
  these: { client: 'Diese Clients', user: 'Diese Benutzer', resource: 'Diese Ressourcen' },
}
