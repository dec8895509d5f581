// The AWS SDK for JavaScript v3 of the matrix: one pair of clients for the life of the process.
// Reads one call a line from stdin (`sts`, `s3`), answers each with one line of JSON on stdout. An argument is the
// profile that it names, else the environment says which.
"use strict";

const readline = require("node:readline");
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
const { S3Client, ListBucketsCommand } = require("@aws-sdk/client-s3");

const [profile] = process.argv.slice(2);
const sts = new STSClient({ profile });
const s3 = new S3Client({ profile });
const calls = {
  sts: async () => (await sts.send(new GetCallerIdentityCommand({}))).Arn,
  s3: async () => ((await s3.send(new ListBucketsCommand({}))).Buckets ?? []).map((bucket) => bucket.Name),
};

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
      answer = { ok: await calls[line.trim()]() };
    } catch (error) {
      answer = { error: `${error.name}: ${error.message}` };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
})();
