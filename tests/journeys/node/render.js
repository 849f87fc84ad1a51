// What a jambonz server would send to us, as its own code renders it: node render.js MODULES FROM TO < description
// Prints JSON: the kind of the body, the body, and the headers of the INVITE.
const [modules, from, to] = process.argv.slice(2);
const SrsClient = require(`${modules}/@jambonz/siprec-client-utils`);
const sdp = require('fs').readFileSync(0, 'utf8');
const invite = { get: () => 'original@pbx.example', locals: { originator: 'trunk', carrier: 'carrier' } };
const srf = {
  createUAC: async (_url, { headers, localSdp }) => {
    process.stdout.write(JSON.stringify({ headers, body: localSdp }));
    return { remote: { sdp: '' } };
  },
};
new SrsClient({ info: () => {}, error: console.error }, {
  srf, originalInvite: invite, direction: 'inbound', callingNumber: from, calledNumber: to, srsUrl: 'sip:srs', srsRecordingId: 'rec-1',
  callSid: 'call', accountSid: 'account', applicationSid: 'application', toTag: 't', aorFrom: `sip:${from}@pbx.example`,
  aorTo: `sip:${to}@pbx.example`, rtpEngineOpts: { common: { 'call-id': 'original@pbx.example' } },
  subscribeRequest: async () => ({ result: 'ok', sdp, 'from-tags': ['a', 'b'], 'to-tag': 'c' }),
  subscribeAnswer: async () => ({ result: 'ok' }), del: async () => {}, blockMedia: async () => {}, unblockMedia: async () => {},
  unsubscribe: async () => {},
}).start().catch((error) => { console.error(error); process.exit(1); });
