/** Long answers: how they may be packed, and who does not take them. */
import type { ServerResponse } from 'node:http'

/** RFC 9110, 12.5.3: what has a weight of 0 is refused. */
export function takesGzip(acceptEncoding: string | undefined): boolean {
  const named = (acceptEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((part) => part.split(';').map((text) => text.trim()))
    .find(([coding]) => coding === 'gzip' || coding === 'x-gzip')
  return named !== undefined && !named.slice(1).some((weight) => /^q=0(?:\.0*)?$/.test(weight))
}

/** Closes its connection when the other side has taken nothing of it for so long, though there is something. */
export function cutWhenStalled(response: ServerResponse, ms: number, cut: () => void): void {
  response.setTimeout(ms, () => {
    // It is we who have nothing to send yet: look again later.
    if (!response.writableNeedDrain) response.setTimeout(ms)
    else {
      cut()
      response.destroy()
    }
  })
}
