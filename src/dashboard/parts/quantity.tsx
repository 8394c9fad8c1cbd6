/** Bytes with the exact count on hover. Value and unit are apart, so that columns align on both. */
import { bytesOf, exactBytes } from '../format/bytes.js'

export function Bytes({ bytes }: { bytes: number | null }) {
  if (bytes === null) return <span class="muted">–</span>
  const { value, unit } = bytesOf(bytes)
  return (
    <span class="bytes" title={exactBytes(bytes)}>
      {value} <span class="unit">{unit}</span>
    </span>
  )
}
