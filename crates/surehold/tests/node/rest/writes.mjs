// What the seeds' programs write to tables, with the client that they use: notes, and copies of what is stored.
import assert from 'node:assert/strict';
import { take } from '../../../../simulators/tests/node/steps.mjs';

const { CLIENT, SUREHOLD_URL, SERVICE_KEY } = process.env;
const { createClient } = await import(CLIENT);
const scene = JSON.parse(process.env.SCENE);
const client = (options = {}) =>
  createClient(SUREHOLD_URL, SERVICE_KEY, { auth: { persistSession: false, autoRefreshToken: false }, ...options });
const supabase = client();
const school = client({ db: { schema: 'hubspot_sync' } });

/** The rows of a write without an error. */
const done = ({ data, error, status }, expected) => {
  assert.equal(error, null, JSON.stringify(error));
  assert.equal(status, expected);
  return data;
};
/** The refusal of a write. */
const refused = ({ data, error, status }, expected, code) => {
  assert.equal(data, null);
  assert.deepEqual([error?.code, status], [code, expected], JSON.stringify(error));
  return error;
};
const log = (from = supabase) => from.from('audit_logs');
const note = (more = {}) => ({
  event_type: 'booking.confirmed', entity_type: 'booking', entity_id: scene.booking, actor_type: 'system',
  metadata: { reference: 'PL-12345678', payment_id: 'pi_1', experience_id: scene.slot }, ...more,
});
const notesOf = async (reference) =>
  done(await log().select('*').eq('entity_id', scene.booking).order('created_at'), 200)
    .filter(({ metadata }) => metadata.reference === reference);

// The helpers of the exam school's programs, in our own words: each copies a change to its table.

const table = (name) => school.from(name);
const syncBooking = (booking) =>
  table('hubspot_bookings').upsert({ ...booking, synced_at: new Date().toISOString() }, { onConflict: 'hubspot_id' });
const syncBookingByKey = (booking) =>
  table('hubspot_bookings').upsert({ ...booking, updated_at: new Date().toISOString() }, { onConflict: 'idempotency_key' });
const syncContact = (contact) =>
  table('hubspot_contact_credits').upsert({ ...contact, synced_at: new Date().toISOString() }, { onConflict: 'hubspot_id' });
const syncExam = (exam) =>
  table('hubspot_mock_exams').upsert({ ...exam, synced_at: new Date().toISOString() }, { onConflict: 'hubspot_id' });
const updateExamBookingCount = (exam, count) =>
  table('hubspot_mock_exams').update({ total_bookings: count, updated_at: new Date().toISOString() }).eq('hubspot_id', exam);
const updateContactCredits = (contact, credits) =>
  table('hubspot_contact_credits').update({ ...credits, synced_at: new Date().toISOString() }).eq('hubspot_id', contact);
const updateBookingStatus = (booking, status) => table('hubspot_bookings').update({ is_active: status }).eq('id', booking);

await take({
  'a note is added beside a booking': async () => {
    assert.equal(done(await log().insert(note()), 201), null);
    const [noted] = await notesOf('PL-12345678');
    assert.deepEqual(
      [noted.event_type, noted.entity_type, noted.actor_type, noted.actor_id], ['booking.confirmed', 'booking', 'system', null],
    );
    assert.deepEqual(noted.metadata, note().metadata);
  },

  'its row is shown if it is asked for': async () => {
    const [row] = done(await log().insert(note({ metadata: { reference: 'PL-2' } })).select(), 201);
    assert.deepEqual(await notesOf('PL-2'), [row]);
    const chosen = log().insert(note({ actor_type: 'user', actor_id: scene.traveller })).select('actor_id, event_type').single();
    assert.deepEqual(done(await chosen, 201), { actor_id: scene.traveller, event_type: 'booking.confirmed' });
  },

  'several are added together or not at all': async () => {
    const several = ['a', 'b'].map((reference) => note({ metadata: { reference } }));
    const counted = await log().insert(several, { count: 'exact' });
    assert.deepEqual([counted.status, counted.count, counted.error], [201, 2, null]);
    // The client names the columns of all: what a row does not have is null.
    const uneven = [note({ metadata: { reference: 'c' } }), note({ metadata: { reference: 'd' }, stripe_event_id: 'evt_1' })];
    assert.deepEqual(done(await log().insert(uneven).select('stripe_event_id'), 201).map((row) => row.stripe_event_id), [null, 'evt_1']);
    refused(await log().insert([note({ metadata: { reference: 'e' } }), note({ actor_type: 'admin' })]), 400, '23514');
    assert.deepEqual(await notesOf('e'), []);
    const single = await log().insert([note({ metadata: { reference: 'f' } }), note()]).select().single();
    assert.equal(refused(single, 406, 'PGRST116').details, 'The result contains 2 rows');
    assert.deepEqual(await notesOf('f'), []);
  },

  'a wrong note is refused as by PostgreSQL': async () => {
    const wrong = refused(await log().insert(note({ entity_id: 'cs_test_1' })), 400, '22P02');
    assert.equal(wrong.message, 'invalid input syntax for type uuid: "cs_test_1"');
    refused(await log().insert(note({ entity_id: null })), 400, '23502');
    refused(await log().insert(note({ entity_id: undefined })), 400, '23502');
    const column = refused(await log().insert(note({ vendor: 1 })), 400, 'PGRST204');
    assert.equal(column.message, "Could not find the 'vendor' column of 'audit_logs' in the schema cache");
    refused(await log().insert(note({ created_at: '2020-01-01T00:00:00Z' })), 400, '428C9');
  },

  'nothing in the log changes': async () => {
    refused(await log().update({ event_type: 'x' }).eq('entity_id', scene.booking), 405, '25006');
    refused(await log().delete().eq('entity_id', scene.booking), 405, '25006');
    assert.equal((await notesOf('PL-2')).length, 1);
  },

  'copies of what is stored are taken': async () => {
    const { data: booking } = await table('hubspot_bookings').select('*').eq('id', scene.booking).single();
    done(await syncBooking(booking), 200);
    done(await syncBookingByKey({
      idempotency_key: 'ANN-key', booking_id: booking.booking_id, associated_mock_exam: '7001', student_id: 'ANN', name: 'Test ANN',
      student_email: 'ann@example.org', is_active: 'Active', exam_date: '2030-05-04', dominant_hand: true, mock_type: 'Clinical Skills',
      start_time: '09:00', end_time: '12:00', token_used: 'Clinical Skills Token', attending_location: 'mississauga',
    }), 200);
    done(await syncContact({
      hubspot_id: '9001', student_id: 'ANN', email: 'ann@example.org', firstname: 'Test', lastname: 'ANN', sj_credits: 0, cs_credits: 2,
      sjmini_credits: 0, mock_discussion_token: 0, shared_mock_credits: 0, ndecc_exam_date: null,
    }), 200);
    done(await syncExam({
      hubspot_id: '7001', mock_type: 'Clinical Skills', exam_date: '2030-05-04', capacity: 5, total_bookings: 1, is_active: 'true',
      location: 'Toronto',
    }), 200);
    done(await updateExamBookingCount('7001', 1), 204);
    done(await updateContactCredits('9001', { cs_credits: 2, shared_mock_credits: 0 }), 204);
    done(await updateBookingStatus(scene.booking, 'Active'), 204);
    assert.deepEqual(done(await updateBookingStatus(scene.booking, 'Active').select('is_active').single(), 200), { is_active: 'Active' });
    assert.deepEqual(done(await syncBooking(booking).select().single(), 200), booking);
    done(await table('hubspot_bookings').insert(booking), 201);
    done(await table('hubspot_bookings').upsert([booking], { onConflict: 'hubspot_id', ignoreDuplicates: true }), 201);
    const { data: now } = await table('hubspot_bookings').select('*').eq('id', scene.booking).single();
    assert.deepEqual(now, booking);
  },

  'what would change something is refused with what to call': async () => {
    const count = refused(await updateExamBookingCount('7001', 2), 405, '25006');
    assert.match(count.details, /^It would change total_bookings\./);
    assert.match(count.hint, /rpc\('increment_exam_bookings'/);
    assert.match(refused(await updateContactCredits('9001', { cs_credits: 1 }), 405, '25006').hint, /rpc\('create_booking_atomic'/);
    assert.match(refused(await updateBookingStatus(scene.booking, 'Cancelled'), 405, '25006').hint, /rpc\('cancel_booking_atomic'/);
    const fresh = refused(await syncBooking({ hubspot_id: '8999', booking_id: 'BK-1', is_active: 'Active' }), 405, '25006');
    assert.match(fresh.details, /^There is no such row\./);
    refused(await table('hubspot_bookings').delete().eq('id', scene.booking), 405, '25006');
    // A booking that is not there: nothing to change, as at the seed.
    done(await updateBookingStatus('00000000-0000-0000-0000-000000000007', 'Cancelled'), 204);
    refused(await updateBookingStatus('00000000-0000-0000-0000-000000000007', 'x').select().single(), 406, 'PGRST116');
  },
});
