/**
 * Plots of the benches: plain SVG for light and dark pages, without a library and without text
 * measurement.
 */

const STYLE =
  '<style>text{font:13px system-ui,sans-serif;fill:#57606a}.t{font-weight:600;font-size:15px}.g{stroke:#8c959f;stroke-opacity:.3}' +
  '.b{fill:#8c959f}.us{fill:#0f7b6c}.l{fill:none;stroke-width:2}@media(prefers-color-scheme:dark){text{fill:#9da7b3}.us{fill:#2fbfa7}}</style>'

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function frame(width: number, height: number, title: string, body: string): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="${escapeText(title)}">`
  return `${head}${STYLE}<text class="t" x="12" y="24">${escapeText(title)}</text>${body}</svg>\n`
}

export interface Bar {
  readonly label: string
  readonly value: number
  /** Shown at the bar's end. */
  readonly text: string
  readonly ours: boolean
}

/** Horizontal bars, linear from zero. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const [left, width, row] = [150, 720, 26]
  const longest = Math.max(...bars.map((b) => b.value))
  const body = bars.map((bar, i) => {
    const y = 40 + i * row
    const length = Math.max(1, (bar.value / longest) * (width - left - 120)).toFixed(1)
    return (
      `<text x="${left - 8}" y="${y + 15}" text-anchor="end">${escapeText(bar.label)}</text>` +
      `<rect class="${bar.ours ? 'us' : 'b'}" x="${left}" y="${y + 2}" width="${length}" height="${row - 8}" rx="2"/>` +
      `<text x="${(left + Number(length) + 6).toFixed(1)}" y="${y + 15}">${escapeText(bar.text)}</text>`
    )
  })
  return frame(width, 48 + bars.length * row, title, body.join(''))
}

export interface Line {
  readonly label: string
  readonly points: readonly (readonly [number, number])[]
}

const COLOURS = ['#0f7b6c', '#b35900', '#6f42c1', '#0969da']

/** Lines over logarithmic x and linear y from zero, with ticks at the points' x. */
export function lineChart(
  title: string,
  axes: { x: string; y: string; xText: (x: number) => string },
  lines: readonly Line[],
): string {
  const [width, height, left, bottom, top, right] = [720, 340, 64, 52, 44, 130]
  const all = lines.flatMap((l) => l.points)
  const xs = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b)
  const yMax = Math.max(...all.map(([, y]) => y)) * 1.1
  const [low, high] = [Math.log(xs[0]!), Math.log(xs[xs.length - 1]!)]
  const px = (x: number) =>
    left + ((Math.log(x) - low) / (high - low || 1)) * (width - left - right)
  const py = (y: number) => height - bottom - (y / yMax) * (height - bottom - top)
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = yMax * share
    return `<line class="g" x1="${left}" x2="${width - right}" y1="${py(y).toFixed(1)}" y2="${py(y).toFixed(1)}"/><text x="${left - 8}" y="${(py(y) + 4).toFixed(1)}" text-anchor="end">${Number(y.toPrecision(2))}</text>`
  })
  const ticks = xs.map(
    (x) =>
      `<text x="${px(x).toFixed(1)}" y="${height - bottom + 20}" text-anchor="middle">${escapeText(axes.xText(x))}</text>`,
  )
  const drawn = lines.map((line, i) => {
    const colour = COLOURS[i % COLOURS.length]!
    const path = line.points.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(' ')
    const [lastX, lastY] = line.points[line.points.length - 1]!
    const dots = line.points.map(
      ([x, y]) =>
        `<circle cx="${px(x).toFixed(1)}" cy="${py(y).toFixed(1)}" r="3" fill="${colour}"/>`,
    )
    return `<polyline class="l" stroke="${colour}" points="${path}"/>${dots.join('')}<text x="${(px(lastX) + 8).toFixed(1)}" y="${(py(lastY) + 4).toFixed(1)}">${escapeText(line.label)}</text>`
  })
  const labels = `<text x="${(left + width - right) / 2}" y="${height - 10}" text-anchor="middle">${escapeText(axes.x)}</text><text x="12" y="${top - 4}">${escapeText(axes.y)}</text>`
  return frame(width, height, title, grid.join('') + ticks.join('') + drawn.join('') + labels)
}
