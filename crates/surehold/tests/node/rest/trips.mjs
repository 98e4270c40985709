// What the marketplace's programs call, with the client that they use: its functions in the database and its edge functions.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { take } from '../../../../simulators/tests/node/steps.mjs';

const { CLIENT, SUREHOLD_URL, SERVICE_KEY, ANON_KEY, USER_TOKEN, WEBHOOK_SECRET, ORIGIN } = process.env;
const { createClient } = await import(CLIENT);
const scene = JSON.parse(process.env.SCENE);
const auth = { persistSession: false, autoRefreshToken: false };
const supabase = createClient(SUREHOLD_URL, SERVICE_KEY, { auth });
// A page: the key that everybody knows, and the token of who is logged in.
const page = createClient(SUREHOLD_URL, ANON_KEY, { auth, global: { headers: { Authorization: `Bearer ${USER_TOKEN}` } } });
const stranger = createClient(SUREHOLD_URL, ANON_KEY, { auth });

const item = (slot, guestCount = 1) => ({ experienceId: scene.experience, slotId: slot, guestCount });
const book = (payment, trip, items, client = supabase) =>
  client.rpc('create_booking_atomic', { p_payment_id: payment, p_trip_id: trip, p_user_id: scene.user, p_items: items });
const decrement = (args) => supabase.rpc('decrement_slot_availability', args);
const available = async (slot) => {
  const { data, error } = await supabase.from('experience_slots').select('available_count').eq('id', slot).single();
  assert.equal(error, null);
  return data.available_count;
};
/** What a function that was invoked said no with. */
const refused = async ({ data, error }, status) => {
  assert.equal(data, null);
  assert.equal(error.name, 'FunctionsHttpError');
  assert.equal(error.context.status, status);
  return error.context.json();
};
const trip = crypto.randomUUID();
let booked;
let held;

await take({
  'books a paid trip': async () => {
    const { data, error, status } = await book(scene.payments[0], trip, [item(scene.slot, 2)]);
    assert.deepEqual([error, status], [null, 200]);
    booked = data;
    assert.match(booked[0].reference, /^PL-.{8}$/);
    const expected = { id: booked[0].id, reference: booked[0].reference, experienceId: scene.experience, status: 'confirmed' };
    assert.deepEqual(booked, [expected]);
    assert.equal(await available(scene.slot), 8);
  },

  'books it once however often it is sent, also as text': async () => {
    for (const items of [[item(scene.slot, 2)], JSON.stringify([item(scene.slot, 2)])]) {
      const { data, error } = await book(scene.payments[0], trip, items);
      assert.deepEqual([data, error], [booked, null]);
    }
    const { data } = await supabase.from('bookings').select('id,reference,status,guest_count').eq('trip_id', trip);
    assert.deepEqual(data, [{ id: booked[0].id, reference: booked[0].reference, status: 'confirmed', guest_count: 2 }]);
  },

  'is told what is wrong': async () => {
    const told = async (items, payment = scene.payments[1]) => {
      const { data, error, status } = await book(payment, crypto.randomUUID(), items);
      assert.deepEqual([data, error.code, status], [null, 'P0001', 400]);
      return error.message;
    };
    assert.match(await told([item(scene.slot, 9)]), /INSUFFICIENT_AVAILABILITY/);
    assert.match(await told([item(crypto.randomUUID())]), /SLOT_NOT_FOUND/);
    assert.match(await told([item(scene.slot, -1)]), /VALIDATION_ERROR: p_items\[0\]/);
    assert.match(await told([]), /EMPTY_TRIP/);
    assert.match(await told([item(scene.slot)], crypto.randomUUID()), /PAYMENT_NOT_FOUND/);
    const scalar = await book(scene.payments[1], trip, '7');
    assert.deepEqual([scalar.error.code, scalar.error.message], ['22023', 'cannot extract elements from a scalar']);
    // A mixture of the two shapes is neither.
    const mixed = await supabase.rpc('create_booking_atomic', { p_payment_id: trip, p_items: [], p_student_id: 'ANN' });
    assert.deepEqual([mixed.error.code, mixed.status], ['PGRST202', 404]);
    const user = await book(scene.payments[1], trip, [item(scene.slot)], page);
    assert.deepEqual([user.error.code, user.status], ['42501', 403]);
    assert.equal(await available(scene.slot), 8);
  },

  'one of ten gets the last seat': async () => {
    const racers = scene.payments.slice(2).map((payment) => book(payment, crypto.randomUUID(), [item(scene.last)]));
    const answers = await Promise.all(racers);
    assert.equal(answers.length, 10);
    assert.equal(answers.filter(({ data }) => data?.length === 1).length, 1);
    assert.equal(answers.filter(({ error }) => error?.message.includes('INSUFFICIENT_AVAILABILITY')).length, 9);
  },

  'takes seats out of sale and puts them back, by either name': async () => {
    const { data, error } = await decrement({ p_slot_id: scene.slot, p_count: 3 });
    assert.deepEqual([data, error], [{ success: true, slot_id: scene.slot, available_count: 5, error: null }, null]);
    const start = { p_experience_id: scene.experience, p_slot_date: scene.date, p_slot_time: scene.time };
    assert.equal((await decrement({ ...start, p_count: 1 })).data.available_count, 4);
    const many = await decrement({ ...start, p_count: 5 });
    assert.deepEqual([many.data.success, many.status], [false, 200]);
    assert.equal(many.data.error, 'Slot no longer available. Requested: 5, Available: 4');
    assert.equal((await decrement({ p_slot_id: crypto.randomUUID(), p_count: 1 })).data.error, 'Slot not found');
    assert.equal((await decrement({ p_slot_id: scene.slot, p_count: 0 })).data.error, 'Count must be positive');
    const release = (args) => supabase.rpc('release_slot_availability', args);
    assert.equal((await release({ ...start, p_count: 5 })).data.success, false);
    assert.equal((await release({ ...start, p_count: 4 })).data.available_count, 8);
  },

  'invokes create-booking': async () => {
    const body = { paymentId: scene.payments[0], tripId: trip, userId: scene.user, tripItems: [item(scene.slot, 2)] };
    const { data, error } = await supabase.functions.invoke('create-booking', { body });
    assert.deepEqual([data, error], [{ success: true, bookings: booked }, null]);
    const unknown = await supabase.functions.invoke('create-booking', { body: { ...body, paymentId: crypto.randomUUID() } });
    const said = await refused(unknown, 404);
    assert.deepEqual([said.success, said.errorCode, said.code], [false, 'PAYMENT_NOT_FOUND', 'PAYMENT_NOT_FOUND']);
    assert.equal((await refused(await page.functions.invoke('create-booking', { body }), 403)).code, 'FORBIDDEN');
  },

  'invokes checkout as who is logged in, pays, and asks whether it is booked': async () => {
    const body = {
      tripItems: [item(scene.slot)], successUrl: 'https://trips.example/thanks', cancelUrl: 'https://trips.example/trip',
    };
    assert.equal((await refused(await stranger.functions.invoke('checkout', { body }), 401)).code, 'UNAUTHENTICATED');
    const { data, error } = await page.functions.invoke('checkout', { body });
    assert.equal(error, null);
    held = data;
    assert.deepEqual([held.success, held.amount, held.bookings[0].status], [true, 5000, 'pending_payment']);
    const again = await page.functions.invoke('checkout', { body });
    assert.equal(again.data.sessionId, held.sessionId);
    assert.equal(await available(scene.slot), 7);

    const confirm = () => supabase.rpc('confirm_booking_atomic', { p_booking_id: held.bookings[0].id, p_trip_id: held.tripId });
    const early = await confirm();
    assert.deepEqual([early.data.success, early.data.errorCode, early.status], [false, 'PAYMENT_NOT_SUCCEEDED', 200]);
    assert.equal((await fetch(`${held.checkoutUrl}/pay`, { method: 'POST', redirect: 'manual' })).status < 400, true);
    const { data: confirmed } = await confirm();
    assert.deepEqual([confirmed.success, confirmed.status, confirmed.error], [true, 'confirmed', null]);
    const { data: payment } = await supabase.from('payments').select('status,amount').eq('id', held.paymentId).single();
    assert.deepEqual(payment, { status: 'succeeded', amount: 5000 });
  },

  'invokes webhook-stripe with what Stripe signed': async () => {
    const created = Math.floor(Date.now() / 1000);
    const body = JSON.stringify({
      id: 'evt_of_node', object: 'event', type: 'customer.created', created, livemode: false,
      data: { object: { id: 'cus_1', object: 'customer' } },
    });
    const signature = createHmac('sha256', WEBHOOK_SECRET).update(`${created}.${body}`).digest('hex');
    const send = (v1) => supabase.functions.invoke('webhook-stripe', { body, headers: { 'stripe-signature': `t=${created},v1=${v1}` } });
    for (let times = 0; times < 2; times += 1) {
      const { data, error } = await send(signature);
      assert.deepEqual([data.received, error], [true, null]);
    }
    await refused(await send('0'.repeat(64)), 400);
  },

  'a browser may call all of them': async () => {
    const headers = {
      Origin: ORIGIN, 'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization,x-client-info,apikey,content-type,content-profile',
    };
    for (const path of ['functions/v1/create-booking', 'functions/v1/checkout', 'functions/v1/webhook-stripe', 'rest/v1/rpc/create_booking_atomic']) {
      const answer = await fetch(`${SUREHOLD_URL}/${path}`, { method: 'OPTIONS', headers });
      assert.equal(answer.status, 200, path);
      assert.equal(answer.headers.get('access-control-allow-origin'), ORIGIN);
      const allowed = answer.headers.get('access-control-allow-headers').toLowerCase();
      for (const name of ['authorization', 'x-client-info', 'apikey', 'content-type']) assert.ok(allowed.includes(name), name);
    }
  },
});
