/**
 * Stacks series for bars around a zero line: sent grows upwards, received downwards.
 *
 * Each stacked series holds the sum of itself and all below it. Drawn from the outermost inwards with opaque fills,
 * each bar leaves in sight exactly its own share.
 */
export interface Layer {
  readonly bytesTx: readonly number[]
  readonly bytesRx: readonly number[]
}

export interface Stacked {
  /** Outermost first; the last is the layer next to the zero line. */
  readonly up: readonly (readonly number[])[]
  readonly down: readonly (readonly number[])[]
}

function cumulate(layers: readonly (readonly number[])[], sign: 1 | -1): number[][] {
  const length = layers[0]?.length ?? 0
  const sums = new Array<number>(length).fill(0)
  const stacked = layers.map((layer) =>
    layer.map((value, i) => {
      sums[i] = sums[i]! + value
      return sign * sums[i]!
    }),
  )
  return stacked.reverse()
}

/** @param layers the one that lies next to the zero line first. */
export function stack(layers: readonly Layer[]): Stacked {
  return {
    up: cumulate(
      layers.map(({ bytesTx }) => bytesTx),
      1,
    ),
    down: cumulate(
      layers.map(({ bytesRx }) => bytesRx),
      -1,
    ),
  }
}
