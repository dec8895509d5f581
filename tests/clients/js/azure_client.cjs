// @azure/identity of the matrix: one credential for the life of the process.
// Reads one scope a line from stdin (`https://graph.microsoft.com/.default`), answers each with one line of JSON on stdout: a
// digest of the token, its end, and some of its claims. The first argument is the credential, `default` or `managed`; the next
// two, if any, are the kind of an id and the id: `client_id`, `object_id` or `resource_id`.
"use strict";

const crypto = require("node:crypto");
const readline = require("node:readline");
const { DefaultAzureCredential, ManagedIdentityCredential } = require("@azure/identity");

const [kind, idKind, id] = process.argv.slice(2);
const MANAGED = { client_id: "clientId", object_id: "objectId", resource_id: "resourceId" };
const DEFAULT = { client_id: "managedIdentityClientId", resource_id: "managedIdentityResourceId" };
const CLAIMS = ["aud", "tid", "oid", "appid", "azp", "scp", "roles"];

function credential() {
  const options = (names) => (idKind ? { [names[idKind]]: id } : {});
  if (kind === "default") return new DefaultAzureCredential(options(DEFAULT));
  if (kind === "managed") return new ManagedIdentityCredential(options(MANAGED));
  throw new Error(`no such credential: ${kind}`);
}

// Never the token itself.
function described({ token, expiresOnTimestamp }) {
  const [, payload] = token.split(".");
  const all = payload ? JSON.parse(Buffer.from(payload, "base64url")) : {};
  return {
    token_digest: crypto.createHash("sha256").update(token).digest("hex").slice(0, 16),
    expires_on: Math.floor(expiresOnTimestamp / 1000),
    claims: Object.fromEntries(CLAIMS.filter((name) => name in all).map((name) => [name, all[name]])),
  };
}

(async () => {
  const made = credential();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
      answer = { ok: described(await made.getToken(line.trim())) };
    } catch (error) {
      answer = { error: `${error.name}: ${error.message}` };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
})();
