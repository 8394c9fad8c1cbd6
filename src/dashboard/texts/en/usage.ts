/** Usage by month. */

export const usage = {
  title: 'Usage',
  hint: 'Months are UTC. Totals stay after retention has deleted the sessions.',
  totalsBy: 'Totals by',
  months: 'Months',
  allTwelve: 'All twelve:',
  fromTo: (from: string, to: string) => `${from} to ${to}`,
  nothingIn: (time: string) => `Nothing in ${time}`,
  nothingStored: 'No session was stored in this time.',
  find: { client: 'Find a client', user: 'Find a user', resource: 'Find a resource' },
  inUtc: (time: string) => `${time} (UTC)`,
  usageIn: (time: string) => `Usage in ${time}`,
  sum: (sent: string, received: string) => `${sent} sent, ${received} received`,
  amounts: { bytesTx: 'Sent', bytesRx: 'Received', bytes: 'Total', sessions: 'Sessions' },
  all: { client: 'All clients', user: 'All users', resource: 'All resources' },
  these: { client: 'These clients', user: 'These users', resource: 'These resources' },
}
