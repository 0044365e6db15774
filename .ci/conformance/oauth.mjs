// Gets and checks access tokens as resource servers do: with oauth4webapi, and with express-oauth2-jwt-bearer in its strict mode.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import express from 'express';
import bearer from 'express-oauth2-jwt-bearer';
import * as oauth from 'oauth4webapi';

const { GATEWAY, CLIENT_ID, CLIENT_SECRET, PERSON } = process.env;
const AUDIENCE = 'rowhouse';
const insecure = { [oauth.allowInsecureRequests]: true };

const issuer = new URL(GATEWAY);
const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
const server = await oauth.processDiscoveryResponse(issuer, discovered);
const client = { client_id: CLIENT_ID };

async function token(authentication, scope) {
  const answer = await oauth.clientCredentialsGrantRequest(server, client, authentication, { scope }, insecure);
  return oauth.processClientCredentialsResponse(server, client, answer);
}

async function verified(token) {
  const request = new Request(`${GATEWAY}/resource`, { headers: { authorization: `Bearer ${token}` } });
  return oauth.validateJwtAccessToken(server, request, AUDIENCE, { signingAlgorithms: ['EdDSA'], ...insecure });
}

// oauth4webapi: both ways to authenticate, and the profile of RFC 9068.
for (const authentication of [oauth.ClientSecretBasic(CLIENT_SECRET), oauth.ClientSecretPost(CLIENT_SECRET)]) {
  const { access_token, token_type, expires_in, scope } = await token(authentication, 'orders:read');
  assert.deepEqual([token_type, scope], ['bearer', 'orders:read']);
  assert(expires_in > 0);
  const claims = await verified(access_token);
  assert.deepEqual([claims.client_id, claims.sub, claims.scope], [CLIENT_ID, CLIENT_ID, 'orders:read']);
}
assert.equal((await verified(PERSON)).client_id, 'rowhouse');

// Errors are those that it knows.
const refused = (error) => ({ name: 'ResponseBodyError', status: 400, error });
await assert.rejects(token(oauth.ClientSecretPost('wrong'), ''), refused('invalid_client'));
await assert.rejects(token(oauth.ClientSecretBasic(CLIENT_SECRET), 'root'), refused('invalid_scope'));
await assert.rejects(token(oauth.ClientSecretBasic('wrong'), ''), (error) => {
  assert.equal(error.name, 'WWWAuthenticateChallengeError');
  return error.status === 401 && error.cause[0].scheme === 'basic';
});
const { access_token: reader } = await token(oauth.ClientSecretBasic(CLIENT_SECRET), 'orders:read');
const challenged = async (path, token, error, scope) => {
  const asked = oauth.protectedResourceRequest(token, 'GET', new URL(path, issuer), new Headers(), null, insecure);
  await assert.rejects(asked, ({ cause: [{ parameters }] }) => parameters.error === error && parameters.scope === scope);
};
await challenged('/v1/members', reader, 'insufficient_scope', 'members:read');
await challenged('/v1/orders', 'garbage', 'invalid_token', undefined);

// express-oauth2-jwt-bearer: the same token is accepted, and others are not.
const app = express();
app.use(bearer.auth({ issuerBaseURL: GATEWAY, audience: AUDIENCE, strict: true, tokenSigningAlg: 'EdDSA' }));
app.get('/read', bearer.requiredScopes('orders:read'), (request, response) => response.json(request.auth.payload));
app.get('/write', bearer.requiredScopes('orders:write'), (_, response) => response.json({}));
app.use((error, _request, response, _next) => response.status(error.status ?? 500).set(error.headers ?? {}).end());
const listening = app.listen(0, '127.0.0.1');
await once(listening, 'listening');
const ask = (path, token) =>
  fetch(`http://127.0.0.1:${listening.address().port}${path}`, { headers: { authorization: `Bearer ${token}` } });
const [header, payload, signature] = reader.split('.');
const changed = Buffer.from(payload, 'base64url').toString().replace('orders:read', 'orders:write');
const forged = [header, Buffer.from(changed).toString('base64url'), signature].join('.');
for (const [path, token, status] of [
  ['/read', reader, 200],
  ['/write', reader, 403],
  ['/write', forged, 401],
  ['/read', 'garbage', 401],
]) {
  assert.equal((await ask(path, token)).status, status, `${path} with ${token}`);
}
listening.close();
listening.closeAllConnections();
console.log('oauth4webapi and express-oauth2-jwt-bearer accept the tokens');
