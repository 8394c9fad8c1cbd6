/**
 * Stacks series for bars around a zero line: sent grows upwards, received downwards.
 *
 * Each stacked series is the sum of a series and all series below it. The chart draws opaque bars from the outermost
 * inwards, so each bar's own share stays visible.
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

/** @param layers the layer next to the zero line first */
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
