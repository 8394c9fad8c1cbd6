/** The page refuses exactly the addresses that the server would refuse. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isAddressFilter } from '../../src/dashboard/format/address.js'
import { parseAddress } from '../../src/server/query/parameters.js'

const ip = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('10.8.0.300', '01.2.3.4', '::', ''))
const tail = fc.oneof(
  fc.constant(''),
  fc.nat(140).map((length) => `/${length}`),
  fc.nat(70_000).map((port) => `:${port}`),
)
const bracketed = fc.tuple(ip, tail).map(([address, rest]) => `[${address}]${rest}`)
const plain = fc.tuple(ip, tail).map(([address, rest]) => address + rest)
const noise = fc.string({ unit: fc.constantFrom(...'0123456789abf:./[]x '), maxLength: 24 })

const seed = Number(process.env.ADDRESS_SEED ?? Math.floor(Math.random() * 2 ** 31))

test(`as the server does (ADDRESS_SEED=${seed})`, () => {
  fc.assert(
    fc.property(fc.oneof(plain, bracketed, noise), (text) => {
      expect(isAddressFilter(text)).toBe(parseAddress(text) !== undefined)
    }),
    { numRuns: 1000, seed },
  )
})
