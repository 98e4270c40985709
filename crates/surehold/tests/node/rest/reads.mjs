// Reads of every kind, as the seeds' programs make them, with the client that they use.
import assert from 'node:assert/strict';
import { take } from '../../../../simulators/tests/node/steps.mjs';

const { CLIENT, SUREHOLD_URL, SERVICE_KEY, STUDENT_TOKEN } = process.env;
const { createClient } = await import(CLIENT);
const scene = JSON.parse(process.env.SCENE);
const client = (key, options = {}) =>
  createClient(SUREHOLD_URL, key, { auth: { persistSession: false, autoRefreshToken: false }, ...options });
const supabase = client(SERVICE_KEY);
const ours = client(SERVICE_KEY, { db: { schema: 'hubspot_sync' } });

/** The rows of an answer without an error. */
const rows = ({ data, error, status }, expected = 200) => {
  assert.equal(error, null, JSON.stringify(error));
  assert.equal(status, expected);
  return data;
};
/** The refusal of an answer. */
const refused = ({ data, error, status }, expected, code) => {
  assert.equal(data, null);
  assert.equal(error?.code, code, JSON.stringify(error));
  assert.equal(status, expected);
  assert.deepEqual(Object.keys(error).sort(), ['code', 'details', 'hint', 'message']);
  return error;
};
const students = (from = supabase) => from.from('hubspot_contact_credits');
const ids = async (query) => rows(await query.order('student_id')).map((row) => row.student_id);

await take({
  'a contact is found by its identity, once': async () => {
    const ann = rows(await students(ours).select('*').eq('student_id', 'ANN').eq('email', 'ann@example.org').single());
    assert.equal(ann.id, scene.student);
    assert.equal(ann.cs_credits, 2);
    const nobody = await students(ours).select('*').eq('student_id', 'NOBODY').eq('email', 'x@example.org').single();
    const error = refused(nobody, 406, 'PGRST116');
    assert.equal(error.details, 'The result contains 0 rows');
    assert.equal(rows(await students().select('*').eq('student_id', 'NOBODY').maybeSingle()), null);
    assert.equal(rows(await students().select('id').eq('student_id', 'ANN').maybeSingle()).id, scene.student);
    // The client itself refuses several rows where there may be one.
    const several = await students().select('*').maybeSingle();
    assert.equal(several.error.code, 'PGRST116');
  },

  'a booking is found by one name after the other': async () => {
    const cascade = async (name) => {
      for (const column of ['hubspot_id', 'id', 'booking_id']) {
        const { data, error } = await supabase.from('hubspot_bookings').select('*').eq(column, name).single();
        if (data) return data;
        // No row, or no UUID: the next name.
        assert.ok(['PGRST116', '22P02'].includes(error.code), JSON.stringify(error));
      }
      return null;
    };
    for (const name of [scene.booking, 'Clinical Skills-ANN-May 4, 2030']) assert.equal((await cascade(name)).id, scene.booking);
    assert.equal(await cascade('Clinical Skills-BEN-May 4, 2030'), null);
    const byKey = await supabase.from('hubspot_bookings').select('id,is_active').eq('idempotency_key', 'ANN-key').single();
    assert.deepEqual(rows(byKey), { id: scene.booking, is_active: 'Active' });
  },

  'operators': async () => {
    const select = () => students().select('student_id');
    assert.deepEqual(await ids(select()), ['ANN', 'BEN', 'CAT']);
    assert.deepEqual(await ids(select().eq('cs_credits', 2)), ['ANN']);
    assert.deepEqual(await ids(select().neq('cs_credits', 2)), ['BEN', 'CAT']);
    assert.deepEqual(await ids(select().gt('cs_credits', 2)), ['CAT']);
    assert.deepEqual(await ids(select().gte('cs_credits', 2)), ['ANN', 'CAT']);
    assert.deepEqual(await ids(select().lt('cs_credits', 2)), ['BEN']);
    assert.deepEqual(await ids(select().lte('cs_credits', 2)), ['ANN', 'BEN']);
    assert.deepEqual(await ids(select().like('student_id', '%A%')), ['ANN', 'CAT']);
    assert.deepEqual(await ids(select().ilike('student_id', 'b%')), ['BEN']);
    assert.deepEqual(await ids(select().in('student_id', ['BEN', 'x,y', '"', 'CAT'])), ['BEN', 'CAT']);
    assert.deepEqual(await ids(select().not('student_id', 'in', '(BEN,CAT)')), ['ANN']);
    assert.deepEqual(await ids(select().is('hubspot_id', null).not('email', 'is', null)), ['ANN', 'BEN', 'CAT']);
    assert.deepEqual(await ids(select().or('student_id.eq.BEN,and(cs_credits.gt.2,hubspot_id.is.null)')), ['BEN', 'CAT']);
    assert.deepEqual(await ids(select().match({ student_id: 'CAT', cs_credits: 3 })), ['CAT']);
    assert.deepEqual(await ids(select().filter('cs_credits', 'eq', 1)), ['BEN']);
    const free = await supabase.from('experience_slots').select('available_count').is('is_blocked', false).gte('slot_date', '2030-06-01');
    assert.deepEqual(rows(free), [{ available_count: 7 }]);
  },

  'pages and counts': async () => {
    const all = () => students().select('student_id, credits:cs_credits', { count: 'exact' }).order('cs_credits', { ascending: false });
    const page = await all().range(0, 1);
    assert.deepEqual(rows(page, 206), [{ student_id: 'CAT', credits: 3 }, { student_id: 'ANN', credits: 2 }]);
    assert.equal(page.count, 3);
    assert.equal((await all().limit(1)).count, 3);
    assert.deepEqual(rows(await all().range(2, 9), 206), [{ student_id: 'BEN', credits: 1 }]);
    refused(await all().range(4, 9), 416, 'PGRST103');
    const counted = await students().select('*', { count: 'exact', head: true }).not('student_id', 'is', null);
    assert.deepEqual([counted.count, counted.data, counted.error], [3, null, null]);
    const none = await students().select('*', { count: 'exact', head: true }).eq('student_id', 'NOBODY');
    assert.equal(none.count, 0);
    const first = await students().select('student_id').order('hubspot_id', { nullsFirst: true }).order('student_id').limit(1);
    assert.deepEqual(rows(first), [{ student_id: 'ANN' }]);
  },

  'every view': async () => {
    const only = async (view) => rows(await supabase.from(view).select().single());
    assert.equal((await only('hubspot_mock_exams')).total_bookings, 1);
    assert.equal((await only('hubspot_bookings')).mock_exam_id, scene.exam);
    assert.equal((await only('bookings')).slot_id, scene.slot);
    assert.equal((await only('trips')).user_id, scene.traveller);
    assert.equal((await only('payments')).trip_id, scene.trip);
    const log = rows(await supabase.from('audit_logs').select('*').eq('entity_id', scene.booking).order('created_at', { ascending: false }));
    assert.deepEqual(log.map((entry) => entry.event_type), ['booking.confirmed']);
    assert.equal(typeof log[0].metadata, 'object');
  },

  'what cannot be answered': async () => {
    const error = refused(await supabase.from('bookigns').select(), 404, 'PGRST205');
    assert.match(error.hint, /public\.bookings/);
    refused(await supabase.from('bookings').select('nope'), 400, '42703');
    refused(await supabase.from('bookings').select().eq('id', 'x'), 400, '22P02');
    refused(await supabase.from('bookings').select('*, trips(*)'), 400, 'PGRST200');
    refused(await supabase.from('bookings').select().filter('id', 'noop', 1), 400, 'PGRST100');
    refused(await supabase.from('bookings').select().like('id', '%1%'), 404, '42883');
    refused(await supabase.schema('private').from('bookings').select(), 406, 'PGRST106');
    refused(await client('wrong').from('bookings').select(), 401, 'PGRST301');
    refused(await client(STUDENT_TOKEN).from('bookings').select(), 403, '42501');
  },

  'writes are refused with the function that does it': async () => {
    const bookings = () => supabase.from('hubspot_bookings');
    for (const write of [
      bookings().insert({ booking_id: 'x' }),
      bookings().insert([{ booking_id: 'x' }]).select().single(),
      bookings().upsert({ id: scene.booking, is_active: 'Cancelled' }, { onConflict: 'id' }),
      bookings().update({ is_active: 'Cancelled' }).eq('id', scene.booking),
      bookings().delete().eq('id', scene.booking),
    ]) {
      assert.match(refused(await write, 405, '25006').hint, /create_booking_atomic/);
    }
    assert.equal(rows(await bookings().select().eq('id', scene.booking).single()).is_active, 'Active');
  },
});
