/** Ports by common names of services: IANA's name, if it has one. */
const SERVICES: Readonly<Record<string, number>> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  dns: 53,
  domain: 53,
  http: 80,
  kerberos: 88,
  ntp: 123,
  imap: 143,
  snmp: 161,
  ldap: 389,
  https: 443,
  smb: 445,
  syslog: 514,
  ldaps: 636,
  imaps: 993,
  mssql: 1433,
  oracle: 1521,
  nfs: 2049,
  mysql: 3306,
  rdp: 3389,
  postgres: 5432,
  postgresql: 5432,
  vnc: 5900,
  redis: 6379,
  elasticsearch: 9200,
  mongodb: 27_017,
}

/** The port for a number or a service's name; undefined for other texts. */
export function portOf(text: string): number | undefined {
  if (/^\d{1,5}$/.test(text)) return Number(text) <= 65_535 ? Number(text) : undefined
  const name = text.toLowerCase()
  return Object.hasOwn(SERVICES, name) ? SERVICES[name] : undefined
}

const NAMES = new Map(Object.entries(SERVICES).map(([name, port]) => [port, name]))

/** The name of a port's service; the last one in the list above if it has several. */
export function serviceOf(port: number): string | undefined {
  return NAMES.get(port)
}

export const SERVICE_NAMES: readonly string[] = Object.keys(SERVICES)
