/**
 * Rounds of a loop whose every round is another one, by chance or by the moment: `few` in npm test, which must not take
 * long, `all` where TUNMETER_ROUNDS=all, as in .ci/run.
 */
export function rounds(few: number, all: number): number {
  return process.env.TUNMETER_ROUNDS === 'all' ? all : few
}
