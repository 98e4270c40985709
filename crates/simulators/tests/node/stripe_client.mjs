// Stripe's official client, unchanged, against the simulator: what a shop does with it, step by step.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import Stripe from 'stripe';
import { control, take } from './steps.mjs';

const { SIMULATOR_URL, SECRET_KEY, WEBHOOK_SECRET } = process.env;
const { hostname, port, protocol } = new URL(SIMULATOR_URL);
const client = (key = SECRET_KEY, options = {}) =>
  new Stripe(key, { host: hostname, port, protocol: protocol.slice(0, -1), telemetry: false, ...options });
const stripe = client();

const purchase = {
  mode: 'payment',
  line_items: [{ quantity: 2, price_data: { currency: 'usd', unit_amount: 5000, product_data: { name: 'Clinical Skills' } } }],
  client_reference_id: 'b1',
  metadata: { booking_id: 'b1' },
  payment_intent_data: { metadata: { booking_id: 'b1' } },
  adaptive_pricing: { enabled: false },
  success_url: 'https://shop.example/thanks?session={CHECKOUT_SESSION_ID}',
  cancel_url: 'https://shop.example/basket',
};

/** Presses a button of the payment page. */
const press = async (session, button) => {
  const answer = await fetch(`${session.url}/${button}`, { method: 'POST', redirect: 'manual' });
  await answer.arrayBuffer(); // an answer that is not read keeps its connection, and Node, alive
  return answer;
};

const steps = {
  async 'a session is made, retrieved and expired'() {
    const expires_at = Math.floor(Date.now() / 1000) + 31 * 60;
    const session = await stripe.checkout.sessions.create({ ...purchase, expires_at });
    assert.equal(session.status, 'open');
    assert.equal(session.expires_at, expires_at);
    assert.equal(session.amount_total, 10000);
    assert.match(session.lastResponse.requestId, /^req_/);
    const retrieved = await stripe.checkout.sessions.retrieve(session.id, { expand: ['line_items'] });
    assert.equal(retrieved.line_items.data[0].description, 'Clinical Skills');
    const expired = await stripe.checkout.sessions.expire(session.id);
    assert.equal(expired.status, 'expired');
    assert.equal(expired.url, null);
    await assert.rejects(stripe.checkout.sessions.expire(session.id), (error) => {
      assert(error instanceof Stripe.errors.StripeInvalidRequestError);
      assert.equal(error.statusCode, 400);
      return true;
    });
  },

  async 'a payment is refunded in two parts'() {
    const session = await stripe.checkout.sessions.create(purchase);
    const paid = await press(session, 'pay');
    assert.equal(paid.status, 303);
    assert.equal(paid.headers.get('location'), `https://shop.example/thanks?session=${session.id}`);
    const { payment_intent, payment_status } = await stripe.checkout.sessions.retrieve(session.id);
    assert.equal(payment_status, 'paid');
    const intent = await stripe.paymentIntents.retrieve(payment_intent, { expand: ['latest_charge'] });
    assert.equal(intent.status, 'succeeded');
    assert.equal(intent.latest_charge.amount, 10000);
    const first = await stripe.refunds.create({ payment_intent, amount: 4000, reason: 'requested_by_customer' });
    const rest = await stripe.refunds.create({ payment_intent });
    assert.deepEqual([first.amount, rest.amount], [4000, 6000]);
    assert.equal((await stripe.refunds.retrieve(rest.id)).status, 'succeeded');
    const listed = [];
    for await (const refund of stripe.refunds.list({ payment_intent, limit: 1 })) listed.push(refund.id);
    assert.deepEqual(listed, [rest.id, first.id]);
    const charge = await stripe.charges.retrieve(intent.latest_charge.id);
    assert.deepEqual([charge.amount_refunded, charge.refunded], [10000, true]);
    await assert.rejects(stripe.refunds.create({ payment_intent }), { code: 'charge_already_refunded', statusCode: 400 });
  },

  async 'a webhook is genuine'() {
    const deliveries = [];
    const receiver = createServer(async (request, answer) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      answer.end();
      deliveries.push({ payload: Buffer.concat(parts), signature: request.headers['stripe-signature'] });
      receiver.emit('delivery');
    });
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const url = `http://127.0.0.1:${receiver.address().port}/`;
    // Two secrets, as while one is rolled: either is good.
    await control('/webhooks', [{ url, secrets: ['whsec_older', WEBHOOK_SECRET] }]);
    const session = await stripe.checkout.sessions.create(purchase);
    await press(session, 'pay');
    const completed = () =>
      deliveries
        .map(({ payload, signature }) => stripe.webhooks.constructEvent(payload, signature, WEBHOOK_SECRET))
        .find((event) => event.type === 'checkout.session.completed' && event.data.object.id === session.id);
    while (!completed()) await once(receiver, 'delivery');
    assert.equal(completed().data.object.payment_status, 'paid');
    const [{ payload, signature }] = deliveries;
    stripe.webhooks.constructEvent(payload, signature, 'whsec_older');
    const forged = () => stripe.webhooks.constructEvent(payload, signature, 'whsec_wrong');
    assert.throws(forged, Stripe.errors.StripeSignatureVerificationError);
    const event = await stripe.events.retrieve(completed().id);
    assert.equal(event.data.object.id, session.id);
    await control('/webhooks', []);
    receiver.close();
    receiver.closeAllConnections();
  },

  async 'a repeat gets the first answer'() {
    const idempotencyKey = 'booking-1-checkout';
    const first = await stripe.checkout.sessions.create(purchase, { idempotencyKey });
    const repeat = await stripe.checkout.sessions.create(purchase, { idempotencyKey });
    assert.equal(repeat.id, first.id);
    assert.equal(repeat.lastResponse.headers['idempotent-replayed'], 'true');
    const other = { ...purchase, client_reference_id: 'b2' };
    await assert.rejects(stripe.checkout.sessions.create(other, { idempotencyKey }), Stripe.errors.StripeIdempotencyError);
  },

  async 'errors have their types'() {
    const { StripeAuthenticationError, StripeInvalidRequestError } = Stripe.errors;
    await assert.rejects(client('sk_test_wrong').checkout.sessions.list(), StripeAuthenticationError);
    await assert.rejects(stripe.checkout.sessions.retrieve('cs_test_x'), (error) => {
      assert(error instanceof StripeInvalidRequestError);
      assert.deepEqual([error.code, error.statusCode], ['resource_missing', 404]);
      return true;
    });
    const soon = Math.floor(Date.now() / 1000) + 60;
    await assert.rejects(stripe.checkout.sessions.create({ ...purchase, expires_at: soon }), { param: 'expires_at' });
  },

  async 'the client repeats by itself after a 500 and after a lost answer'() {
    const count = async () => (await (await fetch(`${SIMULATOR_URL}/_simulator/state`)).json()).sessions.length;
    const before = await count();
    await control('/faults', { api: { error_500: [{ path: '/v1/checkout/sessions', times: 1 }] } });
    const session = await stripe.checkout.sessions.create(purchase);
    assert.equal(session.status, 'open');
    await control('/faults', { api: { timeout_after_effect: [{ path: '/v1/checkout/sessions', times: 1 }] } });
    const repeated = await stripe.checkout.sessions.create(purchase);
    assert.equal(repeated.lastResponse.headers['idempotent-replayed'], 'true');
    assert.equal(await count(), before + 2);
    await control('/faults', { api: { down: 'closed' } });
    const impatient = client(SECRET_KEY, { maxNetworkRetries: 0 });
    await assert.rejects(impatient.checkout.sessions.list(), Stripe.errors.StripeConnectionError);
    await control('/faults', { api: { down: null } });
  },
};

await take(steps);
