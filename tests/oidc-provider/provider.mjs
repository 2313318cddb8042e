// A real OpenID provider (npm's oidc-provider) on loopback, set up to answer DataTrails' token request with a JWT.
//
// Environment: CLIENT_ID, CLIENT_SECRET, AUTH (client_secret_post, the default, or client_secret_basic), SCOPE (what
// may be asked for), LIFETIME (seconds), and for https TLS_CERTIFICATE and TLS_KEY (PEM files).
// Standard output: `ready {"url":…,"control":…}` once it listens. It ends when standard input does, so that it
// never outlives the test that holds the other end.
//
// `GET {control}/counts` tells what was asked so far; `/close` refuses connections, `/mute` answers no request, `/open`
// ends both. `GET {url}/archivist/v2/assets` checks its bearer token by the
// provider's own published keys and answers as the service does.
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

// What the two packages use and Debian 12's Node.js 18 lacks.
globalThis.crypto ??= webcrypto;
URL.parse ??= (...of) => (URL.canParse(...of) ? new URL(...of) : null);
const { createLocalJWKSet, jwtVerify } = await import('jose');
const { default: Provider } = await import('oidc-provider');

const TOKEN_ROUTE = '/archivist/iam/v1/appidp/token';
const ASSETS_ROUTE = '/archivist/v2/assets';
const { CLIENT_ID, CLIENT_SECRET, AUTH = 'client_secret_post', SCOPE = '', LIFETIME = '3660' } = process.env;
const { TLS_CERTIFICATE, TLS_KEY } = process.env;

const secure = TLS_CERTIFICATE !== undefined;
const server = secure
  ? https.createServer({ cert: readFileSync(TLS_CERTIFICATE), key: readFileSync(TLS_KEY) })
  : http.createServer();
await listening(server);
// Over https the name is `localhost`, which is all that the certificate names.
const { port } = server.address();
const url = `${secure ? 'https://localhost' : 'http://127.0.0.1'}:${port}`;

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const named = { kid: randomBytes(8).toString('hex'), alg: 'RS256', use: 'sig' };
const issuer = `${url}/appidpv1`;
const audience = `${url}/archivist`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      token_endpoint_auth_method: AUTH,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope: SCOPE,
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), ...named }] },
  // The last one is nobody's: whoever asks for it is refused.
  scopes: [...SCOPE.split(' '), 'nobodys'],
  routes: { token: TOKEN_ROUTE },
  ttl: { ClientCredentials: Number(LIFETIME) },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      getResourceServerInfo: () => ({
        scope: SCOPE,
        audience,
        accessTokenFormat: 'jwt',
        accessTokenTTL: Number(LIFETIME),
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  extraTokenClaims: () => ({ jit_tenant_id: 'tenant/00000000-0000-0000-0000-000000000001', jit_tier: 'FREE' }),
});
const answer = provider.callback();
const keys = createLocalJWKSet({ keys: [{ ...publicKey.export({ format: 'jwk' }), ...named }] });

const counts = { token_requests: 0, tokens: 0, refused: 0, assets: 0, assets_refused: 0 };

let mute = false;

server.on('request', (request, response) => {
  if (mute) return;
  const { pathname } = new URL(request.url, url);
  if (pathname === ASSETS_ROUTE) {
    assets(request, response);
    return;
  }
  if (pathname === TOKEN_ROUTE) {
    counts.token_requests += 1;
    const { end } = response;
    // Counted before it is sent: who has the answer finds it counted.
    response.end = (...body) => {
      counts[response.statusCode === 200 ? 'tokens' : 'refused'] += 1;
      return end.apply(response, body);
    };
  }
  answer(request, response);
});

const controls = {
  '/counts': () => {},
  '/close': close,
  '/mute': () => {
    mute = true;
  },
  '/open': async () => {
    // Whoever waits for an answer that will not come is told so.
    if (mute) await close();
    mute = false;
    if (!server.listening) await listening(server, port);
  },
};
const control = http.createServer(async (request, response) => {
  await controls[request.url]?.();
  json(response, request.url in controls ? 200 : 404, counts);
});
await listening(control);

process.stdin.on('end', () => process.exit(0)).resume();
console.log(`ready ${JSON.stringify({ url, control: `127.0.0.1:${control.address().port}` })}`);

async function assets(request, response) {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ');
  try {
    if (scheme !== 'Bearer') throw new Error('no bearer token');
    await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt' });
    counts.assets += 1;
    json(response, 200, { assets: [], next_page_token: '' });
  } catch (error) {
    counts.assets_refused += 1;
    json(response, 401, { error: 'unauthenticated', description: error.message });
  }
}

function json(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(body));
}

function listening(on, at = 0) {
  return new Promise((resolve, reject) => {
    on.once('error', reject);
    on.listen(at, '127.0.0.1', resolve);
  });
}

function close() {
  return new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
}
