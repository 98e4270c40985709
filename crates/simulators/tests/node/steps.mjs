// What the tests of both official clients have in common.
import assert from 'node:assert/strict';

/** Calls a control route of the simulator. */
export const control = async (path, body) => {
  const url = `${process.env.SIMULATOR_URL}/_simulator${path}`;
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
};

/** Takes steps, each by its name, one after the other; then ends. */
export const take = async (steps) => {
  for (const [name, step] of Object.entries(steps)) {
    const start = Date.now();
    await step();
    console.log(`${name} (${Date.now() - start} ms)`);
  }
  console.log('all steps done');
  // A connection that a client keeps, such as one with an unread answer, keeps Node alive.
  process.exit(0);
};
