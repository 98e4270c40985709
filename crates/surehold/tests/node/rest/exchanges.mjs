// Records what the official client sends and what it is answered: one exchange for each fact that callers rely on. The
// status beside each is PostgREST's own, as its documentation and source have it.
import assert from 'node:assert/strict';

const { CLIENT, SUREHOLD_URL, SERVICE_KEY, STUDENT_TOKEN } = process.env;
const { createClient } = await import(CLIENT);
const scene = JSON.parse(process.env.SCENE);

const SENT = ['accept', 'content-type', 'accept-profile', 'content-profile', 'prefer', 'range'];
const ANSWERED = ['content-type', 'content-range', 'content-profile', 'proxy-status', 'preference-applied', 'allow', 'www-authenticate'];
const chosen = (headers, names) =>
  names.filter((name) => headers.has(name)).map((name) => `${name}: ${headers.get(name)}`);

let last;
/** Calls, and keeps what went over the wire. */
const recording = async (url, options) => {
  const answer = await fetch(url, options);
  const { pathname, search } = new URL(url);
  last = {
    status: answer.status,
    lines: [
      `${options.method} ${pathname.replace('/rest/v1', '')}${search}`, ...chosen(new Headers(options.headers), SENT),
      ...(options.body ? [options.body] : []), '', String(answer.status), ...chosen(answer.headers, ANSWERED),
      await answer.clone().text(),
    ],
  };
  return answer;
};
const client = (key, schema) => createClient(SUREHOLD_URL, key, {
  auth: { persistSession: false, autoRefreshToken: false }, global: { fetch: recording }, ...(schema ? { db: { schema } } : {}),
});
const supabase = client(SERVICE_KEY);
const contacts = () => supabase.from('hubspot_contact_credits');
const bookings = () => supabase.from('hubspot_bookings');
const exams = () => supabase.from('hubspot_mock_exams');
const note = { event_type: 'booking.confirmed', entity_type: 'booking', entity_id: scene.booking, actor_type: 'system', metadata: { a: 1 } };
const key = { p_idempotency_key: 'ANN-key' };

const exchanges = [
  // Rows
  ['rows', 200, () => contacts().select('student_id,cs_credits').order('student_id')],
  ['no rows', 200, () => contacts().select('student_id').eq('student_id', 'NOBODY')],
  ['another schema', 200, () => client(SERVICE_KEY, 'hubspot_sync').from('hubspot_mock_exams').select('mock_type').limit(1)],
  ['operators', 200, () => contacts().select('student_id').gte('cs_credits', 1).not('hubspot_id', 'is', null).in('student_id', ['A,B', 'ANN'])],
  ['or', 200, () => contacts().select('student_id').or('cs_credits.gt.5,student_id.ilike.b*')],
  ['order, limit and offset', 200, () => contacts().select('student_id').order('cs_credits', { ascending: false, nullsFirst: false }).range(1, 1)],
  ['spaces and commas', 200, () => bookings().select('booking_id').eq('booking_id', 'Clinical Skills-ANN-May 4, 2030')],
  // One row
  ['single', 200, () => contacts().select('student_id').eq('student_id', 'ANN').single()],
  ['single of none', 406, () => contacts().select('student_id').eq('student_id', 'NOBODY').single()],
  ['single of two', 406, () => contacts().select('student_id').single()],
  ['maybeSingle', 200, () => contacts().select('student_id').eq('student_id', 'NOBODY').maybeSingle()],
  // Counts
  ['count of all', 200, () => contacts().select('*', { count: 'exact', head: true })],
  ['count of a part', 206, () => contacts().select('student_id', { count: 'exact' }).order('student_id').limit(1)],
  ['count of none', 200, () => contacts().select('*', { count: 'exact', head: true }).eq('student_id', 'NOBODY')],
  // Functions
  ['function: JSON', 200, () => supabase.rpc('check_idempotency_key', key).select()],
  ['function: null', 200, () => supabase.rpc('check_idempotency_key', { p_idempotency_key: 'none' })],
  ['function: number', 200, () => supabase.rpc('increment_exam_bookings', { p_exam_id: scene.exam, p_delta: 1 })],
  ['function: a row', 200, () => supabase.rpc('get_contact_credits', { p_student_id: 'ANN', p_email: 'ann@example.org' }).select('student_id,cs_credits')],
  ['function: a row of NULLs', 200, () => supabase.rpc('get_contact_credits', { p_student_id: 'NOBODY' }).select('student_id,id')],
  ['function by GET', 200, () => supabase.rpc('check_idempotency_key', { p_idempotency_key: 'none' }, { get: true })],
  ['function by HEAD', 200, () => supabase.rpc('check_idempotency_key', { p_idempotency_key: 'none' }, { head: true, count: 'exact' })],
  ['function that writes, by GET', 405, () => supabase.rpc('increment_exam_bookings', { p_exam_id: scene.exam, p_delta: 1 }, { get: true })],
  ['function: raised', 400, () => supabase.rpc('increment_exam_bookings', { p_exam_id: '7999', p_delta: 1 })],
  ['function: said no', 200, () => supabase.rpc('decrement_slot_availability', { p_slot_id: scene.slot, p_count: 99 })],
  ['function: unknown', 404, () => supabase.rpc('check_idempotency', key)],
  ['function: wrong argument', 404, () => supabase.rpc('check_idempotency_key', { key: 'ANN-key' })],
  ['function: missing argument', 404, () => supabase.rpc('check_idempotency_key', { p_idempotency_key: undefined })],
  ['function: one argument too many', 404, () => supabase.rpc('check_idempotency_key', { ...key, p_more: 1 })],
  ['function: no UUID', 400, () => supabase.rpc('cancel_booking_atomic', { p_booking_id: 'x', p_credit_field: null, p_restored_credit_value: 1 })],
  ['function: an object for a list', 400, () => supabase.rpc('create_booking_atomic', { p_payment_id: scene.trip, p_trip_id: scene.trip, p_user_id: scene.trip, p_items: {} })],
  // What is wrong
  ['unknown table', 404, () => supabase.from('hubspot_booking').select('*')],
  ['unknown column', 400, () => bookings().select('id,nope')],
  ['unknown schema', 406, () => client(SERVICE_KEY, 'private').from('bookings').select('*')],
  ['no UUID', 400, () => bookings().select('id').eq('id', 'x')],
  ['a column is no literal', 400, () => bookings().select('id').gt('updated_at', 'hubspot_last_sync_at')],
  ['no operator for the type', 404, () => bookings().select('id').like('id', '1*')],
  ['beyond the end', 416, () => contacts().select('student_id', { count: 'exact' }).range(50, 60)],
  ['no such key', 401, () => client('nobodys').from('bookings').select('*')],
  ["a student's token", 403, () => client(STUDENT_TOKEN).from('bookings').select('*')],
  // Writes
  ['insert', 201, () => supabase.from('audit_logs').insert(note)],
  ['insert of several', 201, () => supabase.from('audit_logs').insert([note, note])],
  ['insert and select', 201, () => supabase.from('audit_logs').insert(note).select('event_type,metadata').single()],
  ['insert: no UUID', 400, () => supabase.from('audit_logs').insert({ ...note, entity_id: 'cs_test_1' })],
  ['insert: a value is missing', 400, () => supabase.from('audit_logs').insert({ ...note, entity_id: undefined })],
  ['insert: against a CHECK', 400, () => supabase.from('audit_logs').insert({ ...note, actor_type: 'admin' })],
  ['insert: unknown column', 400, () => supabase.from('audit_logs').insert({ ...note, nope: 1 })],
  ['upsert of what is stored', 200, () => contacts().upsert({ hubspot_id: '9001', cs_credits: 2 }, { onConflict: 'hubspot_id' })],
  ['upsert of something else', 405, () => contacts().upsert({ hubspot_id: '9001', cs_credits: 3 }, { onConflict: 'hubspot_id' })],
  ['update to what is stored', 204, () => exams().update({ total_bookings: 1 }).eq('id', scene.exam)],
  ['update and select', 200, () => exams().update({ total_bookings: 1 }).eq('id', scene.exam).select('total_bookings')],
  ['delete', 405, () => bookings().delete().eq('id', scene.booking)],
  ['a number that follows from bookings', 405, () => exams().update({ total_bookings: 99 }).eq('id', scene.exam)],
];

for (const [name, status, call] of exchanges) {
  last = undefined;
  const seen = await call();
  assert.equal(last.status, status, `${name}: ${JSON.stringify(seen)}`);
  // The client understands it: an error where there is one, with the four members that programs read.
  assert.equal(seen.error !== null, status >= 400, `${name}: ${JSON.stringify(seen)}`);
  if (seen.error) assert.deepEqual(Object.keys(seen.error).sort(), ['code', 'details', 'hint', 'message'], name);
  const text = last.lines.join('\n').replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '[uuid]')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+\+00:00/g, '[instant]');
  console.log(`## ${name}\n\n${text}\n`);
}
console.log('all steps done');
process.exit(0);
