// The AWS SDK for JavaScript v2, as services that were never moved to v3 run it. Reads one call a line from stdin (`sts`),
// answers each with one line of JSON on stdout.
"use strict";

process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";
const readline = require("node:readline");
const AWS = require("aws-sdk");

// this SDK knows no AWS_ENDPOINT_URL_STS
const sts = new AWS.STS({ endpoint: process.env.AWS_ENDPOINT_URL_STS });

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
      if (line.trim() !== "sts") throw new Error(`no such call: ${line}`);
      answer = { ok: (await sts.getCallerIdentity({}).promise()).Arn };
    } catch (error) {
      answer = { error: `${error.name}: ${error.message}` };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
})();
