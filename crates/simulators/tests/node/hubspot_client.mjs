// HubSpot's official client, unchanged, against the simulator: what a program that mirrors records does with it,
// step by step.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { Client, Signature } from '@hubspot/api-client';
import { control, take } from './steps.mjs';

const { SIMULATOR_URL, TOKEN, CLIENT_SECRET } = process.env;
const client = (options = {}) => new Client({ accessToken: TOKEN, basePath: SIMULATOR_URL, ...options });
const hubspot = client();
const BOOKINGS = '2-50158943';

const limits = async () => (await fetch(`${SIMULATOR_URL}/_simulator/limits`)).json();

/** A batch of upserts by `uuid`, each with a trace id. */
const upsert = (properties) =>
  hubspot.crm.objects.batchApi.upsert(BOOKINGS, {
    inputs: properties.map(({ uuid, ...rest }) => ({
      idProperty: 'uuid',
      id: uuid,
      properties: rest,
      objectWriteTraceId: `trace-${uuid}`,
    })),
  });

const steps = {
  async 'a contact is made once'() {
    const properties = { email: 'ann@example.org', firstname: 'Ann' };
    const contact = await hubspot.crm.contacts.basicApi.create({ properties, associations: [] });
    assert.match(contact.id, /^\d+$/);
    assert(contact.createdAt instanceof Date);
    await assert.rejects(hubspot.crm.contacts.basicApi.create({ properties, associations: [] }), (error) => {
      assert.equal(error.code, 409);
      assert.equal(error.body.message, `Contact already exists. Existing ID: ${contact.id}`);
      return true;
    });
    const found = await hubspot.crm.contacts.basicApi.getById('ann@example.org', ['firstname'], undefined, undefined, false, 'email');
    assert.deepEqual([found.id, found.properties.firstname], [contact.id, 'Ann']);
    const changed = await hubspot.crm.contacts.basicApi.update(contact.id, { properties: { lastname: "O'Neil" } });
    assert.equal(changed.properties.lastname, "O'Neil");
    await assert.rejects(client({ accessToken: 'wrong' }).crm.contacts.basicApi.getById(contact.id), { code: 401 });
  },

  async 'properties are defined'() {
    const property = { groupName: 'bookings_information', label: 'Room', name: 'room', type: 'string', fieldType: 'text' };
    const made = await hubspot.crm.properties.coreApi.create(BOOKINGS, property);
    assert.deepEqual([made.name, made.hasUniqueValue, made.type], ['room', false, 'string']);
    const { results } = await hubspot.crm.properties.coreApi.getAll(BOOKINGS);
    assert.equal(results.find(({ name }) => name === 'uuid').hasUniqueValue, true);
    await assert.rejects(hubspot.crm.properties.coreApi.create(BOOKINGS, property), { code: 409 });
  },

  async 'an upsert makes what is not there, and changes what is'() {
    const first = await upsert([{ uuid: 'n1', grade: 'A' }]);
    assert.deepEqual([first.status, first.results[0]._new], ['COMPLETE', true]);
    const second = await upsert([{ uuid: 'n1', grade: 'B' }, { uuid: 'n2', grade: 'A' }]);
    const of = (uuid) => second.results.find(({ objectWriteTraceId }) => objectWriteTraceId === `trace-${uuid}`);
    assert.deepEqual([of('n1').id, of('n1')._new, of('n2')._new], [first.results[0].id, false, true]);
  },

  async 'of a batch with a bad input the others are kept'() {
    const partial = await upsert([{ uuid: 'n3', grade: 'A' }, { uuid: 'n4', missing: 'x' }]);
    assert.deepEqual([partial.results.length, partial.numErrors], [1, 1]);
    assert.deepEqual(partial.errors[0].context, { objectWriteTraceId: ['trace-n4'] });
    assert.match(partial.errors[0].message, /PROPERTY_DOESNT_EXIST/);
    const created = await hubspot.crm.objects.batchApi.create(BOOKINGS, {
      inputs: [
        { properties: { uuid: 'n5' }, associations: [], objectWriteTraceId: 't1' },
        { properties: { uuid: 'n5' }, associations: [], objectWriteTraceId: 't2' },
      ],
    });
    assert.deepEqual([created.results.length, created.numErrors], [1, 1]);
    const spoiled = { inputs: [{ properties: { missing: 'x' }, associations: [] }] };
    await assert.rejects(hubspot.crm.objects.batchApi.create(BOOKINGS, spoiled), { code: 400 });
  },

  async 'histories say who wrote what'() {
    const [{ id }] = (await upsert([{ uuid: 'n6', grade: 'A' }])).results;
    await control(`/objects/${BOOKINGS}/${id}`, { properties: { grade: 'B' }, user_id: 12 });
    const read = await hubspot.crm.objects.batchApi.read(BOOKINGS, {
      idProperty: 'uuid',
      inputs: [{ id: 'n6' }],
      properties: ['grade'],
      propertiesWithHistory: ['grade'],
    });
    const [{ properties, propertiesWithHistory }] = read.results;
    assert.equal(properties.grade, 'B');
    const told = propertiesWithHistory.grade.map(({ value, sourceType, sourceId }) => [value, sourceType, sourceId]);
    assert.deepEqual(told, [['B', 'CRM_UI', 'userId:12'], ['A', 'INTEGRATION', '77']]);
    assert.equal(propertiesWithHistory.grade[0].updatedByUserId, 12);
    assert(propertiesWithHistory.grade[0].timestamp > propertiesWithHistory.grade[1].timestamp);
    const missing = { idProperty: 'uuid', inputs: [{ id: 'n0' }], properties: [], propertiesWithHistory: [] };
    assert.equal((await hubspot.crm.objects.batchApi.read(BOOKINGS, missing)).numErrors, 1);
  },

  async 'records are searched and listed'() {
    await upsert([{ uuid: 'n7', grade: 'searched' }, { uuid: 'n8', grade: 'searched' }]);
    const found = await hubspot.crm.objects.searchApi.doSearch(BOOKINGS, {
      filterGroups: [{ filters: [{ propertyName: 'grade', operator: 'EQ', value: 'searched' }] }],
      properties: ['uuid'],
      sorts: ['-uuid'],
      limit: 1,
      after: '0',
    });
    assert.deepEqual([found.total, found.results[0].properties.uuid, found.paging.next.after], [2, 'n8', '1']);
    const first = await hubspot.crm.objects.basicApi.getPage(BOOKINGS, 1, undefined, ['uuid', 'grade']);
    assert.deepEqual([first.results.length, first.results[0].properties.uuid], [1, 'n1']);
    const rest = await hubspot.crm.objects.basicApi.getPage(BOOKINGS, 100, first.paging.next.after, ['grade']);
    assert.equal(rest.results.filter(({ properties }) => properties.grade === 'searched').length, 2);
    assert.deepEqual((await hubspot.crm.contacts.getAll(1)).map(({ properties }) => properties.email), ['ann@example.org']);
  },

  async 'records are associated'() {
    const [{ id }] = (await upsert([{ uuid: 'n9' }])).results;
    const contact = await hubspot.crm.contacts.basicApi.create({ properties: { email: 'ben@example.org' }, associations: [] });
    const { batchApi, basicApi } = hubspot.crm.associations.v4;
    const pair = { _from: { id }, to: { id: contact.id } };
    const types = [{ associationCategory: 'USER_DEFINED', associationTypeId: 1289 }];
    const made = await batchApi.create(BOOKINGS, 'contacts', { inputs: [{ ...pair, types }] });
    assert.equal(made.results[0].toObjectId, contact.id);
    const again = await batchApi.createDefault(BOOKINGS, 'contacts', { inputs: [pair] });
    assert.deepEqual({ ...again.results[0].associationSpec }, types[0]);
    await basicApi.createDefault(BOOKINGS, id, 'contacts', contact.id);
    const read = await batchApi.getPage('contacts', BOOKINGS, { inputs: [{ id: contact.id }] });
    assert.deepEqual(read.results[0].to.map(({ toObjectId }) => toObjectId), [id]);
    assert.equal((await basicApi.getPage(BOOKINGS, id, 'contacts')).results[0].associationTypes[0].typeId, 1289);
    await batchApi.archive(BOOKINGS, 'contacts', { inputs: [{ _from: { id }, to: [{ id: contact.id }] }] });
    assert.equal((await basicApi.getPage(BOOKINGS, id, 'contacts')).results.length, 0);
  },

  async 'the client repeats by itself after a 429 and after a 503'() {
    const patient = client({ numberOfApiCallRetries: 3 });
    const search = (by) => by.crm.objects.searchApi.doSearch(BOOKINGS, { filterGroups: [], limit: 1 });
    const { searches: before } = await limits();
    await control('/limits', { searches: 0 });
    await assert.rejects(search(hubspot), (error) => {
      assert.deepEqual([error.code, error.body.policyName], [429, 'SECONDLY']);
      return true;
    });
    const waits = search(patient);
    while ((await limits()).searches.refused < before.refused + 2);
    await control('/limits', { searches: 1000 });
    await waits;
    assert.equal((await limits()).searches.total, before.total + 3);

    await control('/faults', { calls: [{ chance: { count: 2 }, fault: { status: { status: 503 } } }] });
    await search(patient);
    assert.equal((await limits()).searches.total, before.total + 6);
  },

  async 'limits are told'() {
    const answer = await hubspot.apiRequest({ path: '/crm/v3/objects/contacts?limit=1' });
    assert.equal(answer.headers.get('x-hubspot-ratelimit-interval-milliseconds'), '10000');
    await control('/faults', { calls: [{ fault: { too_many: { policy: 'TEN_SECONDLY_ROLLING' } } }] });
    await assert.rejects(hubspot.crm.contacts.basicApi.getPage(), (error) => {
      assert.deepEqual([error.code, error.body.policyName], [429, 'TEN_SECONDLY_ROLLING']);
      assert.match(error.headers['x-hubspot-ratelimit-max'], /^\d+$/);
      return true;
    });
  },

  async 'a lost answer is an error, and the repeat finds the record'() {
    await control('/faults', { calls: [{ fault: { reset: { effect: 'all' } } }] });
    await assert.rejects(upsert([{ uuid: 'n10' }]));
    assert.equal((await upsert([{ uuid: 'n10' }])).results[0]._new, false);
  },

  async 'a webhook is genuine'() {
    const deliveries = [];
    const receiver = createServer(async (request, answer) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      answer.end();
      deliveries.push({ requestBody: Buffer.concat(parts).toString(), headers: request.headers });
      receiver.emit('delivery');
    });
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const url = `http://127.0.0.1:${receiver.address().port}/hooks?of=surehold`;
    await control('/webhook', { url, client_secret: CLIENT_SECRET });
    const delivery = once(receiver, 'delivery');
    const contact = await hubspot.crm.contacts.basicApi.create({ properties: { email: 'cy@example.org' }, associations: [] });
    await delivery;
    const [{ requestBody, headers }] = deliveries;
    const signed = {
      signatureVersion: 'v3',
      signature: headers['x-hubspot-signature-v3'],
      method: 'POST',
      clientSecret: CLIENT_SECRET,
      requestBody,
      url,
      timestamp: Number(headers['x-hubspot-request-timestamp']),
    };
    assert.equal(Signature.isValid(signed), true);
    assert.equal(Signature.isValid({ ...signed, clientSecret: 'wrong' }), false);
    assert.equal(Signature.isValid({ ...signed, requestBody: `${requestBody} ` }), false);
    const [event] = JSON.parse(requestBody);
    assert.deepEqual([event.subscriptionType, String(event.objectId)], ['object.creation', contact.id]);
    await control('/webhook', null);
    receiver.close();
    receiver.closeAllConnections();
  },
};

await take(steps);
