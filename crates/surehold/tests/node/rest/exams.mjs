// What the exam school's programs call, with the client that they use.
import assert from 'node:assert/strict';
import { take } from '../../../../simulators/tests/node/steps.mjs';

const { CLIENT, SUREHOLD_URL, SERVICE_KEY } = process.env;
const { createClient } = await import(CLIENT);
const scene = JSON.parse(process.env.SCENE);
const supabase = createClient(SUREHOLD_URL, SERVICE_KEY, {
  auth: { persistSession: false, autoRefreshToken: false }, db: { schema: 'hubspot_sync' },
});

// The helpers of the school's programs, in our own words: what they send, and what they make of the answer.

/** Books. A duplicate key (23505) would be taken for a success. */
const createBookingAtomic = async (booking) => {
  const { data, error, status } = await supabase.rpc('create_booking_atomic', {
    p_booking_id: booking.code, p_student_id: booking.studentId, p_student_email: booking.email,
    p_mock_exam_id: booking.exam, p_student_name: 'Test', p_token_used: 'Clinical Skills Token',
    p_attending_location: null, p_dominant_hand: booking.hand ?? 'true', p_idempotency_key: booking.key,
    p_credit_field: booking.field ?? 'cs_credits', p_new_credit_value: booking.value ?? 0,
    ...(booking.set === undefined ? {} : { p_mock_set: booking.set }),
  });
  if (error) {
    assert.notEqual(error.code, '23505');
    return { refused: error.message, code: error.code, status };
  }
  assert.equal(data.success, true);
  return data;
};
const cancelBookingAtomic = (id, field = 'cs_credits', value = 99) =>
  supabase.rpc('cancel_booking_atomic', { p_booking_id: id, p_credit_field: field, p_restored_credit_value: value });
/** The active booking of a key. */
const checkIdempotencyKey = async (key) => {
  const { data, error } = await supabase.rpc('check_idempotency_key', { p_idempotency_key: key });
  assert.equal(error, null);
  return data?.found && data.is_active === 'Active' ? data : null;
};
const getContactCredits = async (studentId, email) => {
  const { data, error } = await supabase
    .from('hubspot_contact_credits').select('*').eq('student_id', studentId).eq('email', email).single();
  if (error?.code === 'PGRST116') return null;
  assert.equal(error, null);
  return data;
};
/** By HubSpot's number, else by UUID, else by booking ID. */
const getBookingCascading = async (name) => {
  for (const column of ['hubspot_id', 'id', 'booking_id']) {
    const { data } = await supabase.from('hubspot_bookings').select('*').eq(column, name).single();
    if (data) return data;
  }
  return null;
};
const code = 'Clinical Skills-ANN-May 4, 2030';
const ann = { code, studentId: 'ANN', email: 'ann@example.org', exam: '7001', key: 'idem_1' };
const left = async () => (await getContactCredits('ANN', 'ann@example.org')).cs_credits;
let first;

await take({
  'books': async () => {
    assert.equal(await checkIdempotencyKey('idem_1'), null);
    first = await createBookingAtomic({ ...ann, value: 5 });
    assert.deepEqual(first, {
      success: true, booking_id: first.booking_id, booking_code: code, contact_hubspot_id: '9001', mock_exam_hubspot_id: '7001',
    });
    assert.equal(await left(), 8);
    const found = await checkIdempotencyKey('idem_1');
    assert.deepEqual([found.id, found.booking_id], [first.booking_id, code]);
    const { data, error } = await supabase.rpc('increment_exam_bookings', { p_exam_id: '7001', p_delta: 1 });
    assert.deepEqual([data, error], [1, null]);
  },

  'books once however often it is sent': async () => {
    assert.deepEqual(await createBookingAtomic({ ...ann, value: 5 }), first);
    assert.deepEqual(await createBookingAtomic({ ...ann, set: 'A', field: 'shared_mock_credits' }), first);
    const other = await createBookingAtomic({ ...ann, key: 'idem_2' });
    assert.match(other.refused, /^DUPLICATE_BOOKING: /);
    assert.equal(await left(), 8);
  },

  'finds it by each name': async () => {
    for (const name of [first.booking_id, code]) assert.equal((await getBookingCascading(name)).id, first.booking_id);
    assert.equal(await getBookingCascading('nothing'), null);
    assert.equal(await getContactCredits('NOBODY', 'x@example.org'), null);
    const { data } = await supabase.rpc('get_booking', { p_booking_id: code }, { get: true });
    assert.equal(data.id, first.booking_id);
    const chosen = await supabase.rpc('get_contact_credits', { p_hubspot_id: '9001' }).select('student_id').single();
    assert.deepEqual(chosen.data, { student_id: 'ANN' });
    const head = await supabase.rpc('check_idempotency_key', { p_idempotency_key: 'idem_1' }, { head: true, count: 'exact' });
    assert.deepEqual([head.status, head.count, head.data], [200, 1, null]);
    const nobody = await supabase.rpc('get_contact_credits', { p_student_id: 'NOBODY' });
    assert.deepEqual([nobody.data.id, nobody.error], [null, null]);
  },

  'cancels twice, and the credit comes back once': async () => {
    for (let times = 0; times < 2; times += 1) {
      const { data, error } = await cancelBookingAtomic(first.booking_id, 'sj_credits');
      assert.equal(error, null);
      assert.deepEqual(data, {
        success: true, booking_id: first.booking_id, booking_hubspot_id: null, student_id: 'ANN', mock_exam_id: '7001',
      });
    }
    const credits = await getContactCredits('ANN', 'ann@example.org');
    assert.deepEqual([credits.cs_credits, credits.sj_credits], [9, 1]);
    assert.equal(await checkIdempotencyKey('idem_1'), null);
  },

  'books anew with the same key, and the booking ID repeats': async () => {
    const second = await createBookingAtomic(ann);
    assert.notEqual(second.booking_id, first.booking_id);
    assert.equal((await checkIdempotencyKey('idem_1')).id, second.booking_id);
    const { error, status } = await supabase.from('hubspot_bookings').select('*').eq('booking_id', code).single();
    assert.deepEqual([error.code, error.details, status], ['PGRST116', 'The result contains 2 rows', 406]);
    const { data } = await supabase.rpc('get_booking', { p_booking_id: code });
    assert.equal(data.id, second.booking_id);
    assert.equal(await left(), 8);
  },

  'is told what is wrong': async () => {
    const fresh = { ...ann, key: 'idem_3', exam: scene.narrow };
    const told = async (wrong) => {
      const { refused, code, status } = await createBookingAtomic({ ...fresh, ...wrong });
      assert.deepEqual([code, status], ['P0001', 400]);
      return refused;
    };
    assert.equal(await told({ studentId: 'NOBODY' }), 'Contact not found for student_id: NOBODY, email: ann@example.org');
    assert.equal(await told({ exam: '7999' }), 'Mock exam not found: 7999');
    assert.match(await told({ field: 'email' }), /^CREDIT_KIND_NOT_ALLOWED: /);
    assert.match(await told({ field: 'sj_credits' }), /^CREDIT_KIND_NOT_ALLOWED: /);
    assert.match(await told({ hand: 'both' }), /^VALIDATION_ERROR: p_dominant_hand/);
    const nowhere = '00000000-0000-0000-0000-000000000007';
    assert.equal((await cancelBookingAtomic(nowhere)).error.message, `Booking not found: ${nowhere}`);
    assert.equal((await cancelBookingAtomic('x')).error.code, '22P02');
    const unknown = await supabase.rpc('get_bookin', { p_id: nowhere });
    assert.deepEqual([unknown.error.code, unknown.status], ['PGRST202', 404]);
    const named = await supabase.rpc('check_idempotency_key', { key: 'k' });
    assert.deepEqual([named.error.code, named.status], ['PGRST202', 404]);
    // The client drops what is undefined, so an argument is missing.
    assert.equal((await supabase.rpc('check_idempotency_key', { p_idempotency_key: undefined })).error.code, 'PGRST202');
    const written = await supabase.rpc('increment_exam_bookings', { p_exam_id: '7001', p_delta: 1 }, { get: true });
    assert.deepEqual([written.error.code, written.status], ['25006', 405]);
    const absent = await supabase.rpc('increment_exam_bookings', { p_exam_id: '7999', p_delta: 1 });
    assert.equal(absent.error.message, 'Exam 7999 not found in Supabase');
  },

  'one of ten gets the last seat': async () => {
    const racers = Array.from({ length: 10 }, (_, place) => createBookingAtomic({
      code: `RACE-${place}`, studentId: `RACER${place}`, email: `racer${place}@example.org`, exam: scene.narrow, key: `race_${place}`,
    }));
    const answers = await Promise.all(racers);
    assert.equal(answers.filter((answer) => answer.success).length, 1);
    assert.equal(answers.filter((answer) => answer.refused?.startsWith('EXAM_FULL: ')).length, 9);
  },
});
