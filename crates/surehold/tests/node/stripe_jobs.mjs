// Jobs for Stripe's official client, one JSON object a line on stdin; one JSON answer a line on stdout.
//
//   {"job": "sign", "payload", "secret", "timestamp"?}                the header Stripe-Signature
//   {"job": "verify", "payload", "header", "secret"}                  the event, or null if it is not genuine
//   {"job": "session", "id"} {"job": "refunds", "payment_intent"}     as the client reads them at STRIPE_URL
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

// The packages that `scripts/setup test` installs for the simulator's own test.
const require = createRequire(new URL('../../../simulators/tests/node/package.json', import.meta.url));
const loaded = require('stripe');
const Stripe = loaded.default ?? loaded;

const { STRIPE_URL = 'http://127.0.0.1:1', STRIPE_KEY = 'sk_test_none' } = process.env;
const { hostname, port } = new URL(STRIPE_URL);
const stripe = new Stripe(STRIPE_KEY, { host: hostname, port, protocol: 'http', telemetry: false });

const jobs = {
  sign: ({ payload, secret, timestamp }) => stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp }),
  verify: ({ payload, header, secret }) => {
    try {
      return stripe.webhooks.constructEvent(payload, header, secret);
    } catch (error) {
      if (error instanceof Stripe.errors.StripeSignatureVerificationError) return null;
      throw error;
    }
  },
  session: ({ id }) => stripe.checkout.sessions.retrieve(id, { expand: ['line_items'] }),
  refunds: async ({ payment_intent }) => (await stripe.refunds.list({ payment_intent, limit: 100 })).data,
};

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  console.log(JSON.stringify(await jobs[job.job](job)));
}
// Kept connections would keep Node alive.
process.exit(0);
