/** The server's rule for address filters, repeated for the query bar. address.test.ts compares the two. */
const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`)

function isIpv6(text: string): boolean {
  return /^[\da-f:.]*:[\da-f:.]*$/i.test(text) && URL.canParse(`http://[${text}]/`)
}

export function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535
}

/** `10.8.0.2`, `10.8.0.0/24`, `10.8.0.2:443`, `[fd00::1]:443`, `:443`. */
export function isAddressFilter(text: string): boolean {
  if (IPV4.test(text) || isIpv6(text)) return true
  const network = /^([^/]+)\/(\d{1,3})$/.exec(text)
  if (network !== null) {
    const [, ip, length] = network as unknown as [string, string, string]
    return IPV4.test(ip) ? Number(length) <= 32 : isIpv6(ip) && Number(length) <= 128
  }
  const endpoint = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  if (endpoint === null || !isPort(endpoint[3]!)) return false
  const ip = endpoint[1] ?? endpoint[2]!
  return ip === '' || IPV4.test(ip) || isIpv6(ip)
}
