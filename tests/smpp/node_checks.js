// What a user of npm's smpp does, against the server at PORT; one line a check.
'use strict';
const smpp = require(process.argv[3] + '/node_modules/smpp');
const port = Number(process.argv[2]);

function check(name, good) {
  if (!good) {
    console.log('not ok', name);
    process.exit(1);
  }
  console.log('ok', name);
}

function session() {
  return new Promise((resolve) => {
    const made = smpp.connect({ url: `smpp://127.0.0.1:${port}` }, () => resolve(made));
    made.on('error', () => {});
  });
}

const ask = (made, command, fields) => new Promise((resolve) => made[command](fields, resolve));
const login = { system_id: 'kannel', password: 's3cret' };
const next = (made, event) => new Promise((resolve) => made.once(event, resolve));

async function main() {
  for (const mode of ['bind_transmitter', 'bind_receiver', 'bind_transceiver']) {
    const made = await session();
    check(mode, (await ask(made, mode, login)).command_status === 0);
    check(mode + ' unbind', (await ask(made, 'unbind', {})).command_status === 0);
    made.close();
  }
  for (const wrong of [{ system_id: 'kannel', password: 'wrong' }, { system_id: 'who', password: 's3cret' }]) {
    const made = await session();
    check('wrong ' + wrong.system_id, (await ask(made, 'bind_transceiver', wrong)).command_status === smpp.ESME_RBINDFAIL);
    made.close();
  }
  const made = await session();
  check('bind', (await ask(made, 'bind_transceiver', login)).command_status === 0);
  check('enquire_link', (await ask(made, 'enquire_link', {})).command_status === 0);
  const to = { destination_addr: '12025550155', dest_addr_ton: 1, dest_addr_npi: 1, source_addr: 'Shop', source_addr_ton: 5 };
  const good = async (name, fields) => check(name, (await ask(made, 'submit_sm', { ...to, ...fields })).command_status === 0);
  await good('short', { short_message: 'node short' });
  await good('UCS-2', { short_message: 'узел' });
  await good('payload', { message_payload: 'node payload '.repeat(20) });
  for (const part of [1, 2]) {
    const udh = Buffer.from([5, 0, 3, 9, 2, part]);
    await good('header ' + part, { short_message: { udh, message: 'node header' } });
    await good('sar ' + part, { short_message: 'node sar', sar_msg_ref_num: 8, sar_total_segments: 2, sar_segment_seqnum: part });
  }
  const receipt = next(made, 'deliver_sm');
  await good('receipt asked', { short_message: 'node receipt', registered_delivery: 1 });
  const came = await receipt;
  made.send(came.response());
  check('receipt', came.esm_class === 4 && came.message_state === 2 && came.short_message.message.includes('stat:DELIVRD'));
  const delivery = next(made, 'deliver_sm');
  console.log('deliver');
  const message = await delivery;
  made.send(message.response());
  check('deliver', message.short_message.message === 'to node');
  const many = [];
  for (let number = 0; number < 100; number += 1) {
    many.push(ask(made, 'submit_sm', { ...to, short_message: 'window ' + number }));
    if (many.length % 10 === 0) await Promise.all(many);
  }
  const ids = new Set((await Promise.all(many)).map((answer) => answer.message_id));
  check('window 10', ids.size === 100);
  check('unbind', (await ask(made, 'unbind', {})).command_status === 0);
  made.close();
}

main();
