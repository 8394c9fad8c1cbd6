import { expect, test } from 'vitest'
import { refusePlainHttp } from '../../src/base/plain-http.js'

test.each([
  'http://127.0.0.1:8480',
  'http://127.9.9.9',
  // What WHATWG makes the same address of.
  'http://0x7f.1/',
  'http://[::1]:8480',
  'http://localhost:8480',
  'https://logs.example.org',
  'https://198.51.100.7',
])('a key may go to %s', (url) => {
  expect(() => refusePlainHttp('--to', new URL(url), false)).not.toThrow()
})

test.each([
  'http://198.51.100.7:8480',
  'http://logs.example.org',
  'http://127.0.0.1.example.org',
  'http://127.example',
  'http://localhost.example.org',
  'http://[fd00::1]/',
  'http://[::ffff:198.51.100.7]/',
  'http://0.0.0.0',
])('a key goes to %s only where that is allowed', (url) => {
  expect(() => refusePlainHttp('--to', new URL(url), false)).toThrow(
    expect.objectContaining({
      code: 'PLAIN_HTTP',
      exitCode: 2,
      hint: expect.stringContaining('--allow-plain-http'),
    }),
  )
  expect(() => refusePlainHttp('--to', new URL(url), true)).not.toThrow()
})
