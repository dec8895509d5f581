// OpenTelemetry's detector of ECS, as an instrumented service runs it: prints what it found as one line of JSON, such as
// {"cloud.provider":"aws","aws.ecs.task.arn":"arn:aws:ecs:..."}; `{}` where it found nothing.
"use strict";

const { awsEcsDetector } = require("@opentelemetry/resource-detector-aws");

(async () => {
  const found = {};
  // each attribute is a promise; what is not there is undefined, which JSON leaves out
  for (const [name, value] of Object.entries(awsEcsDetector.detect().attributes)) found[name] = await value;
  process.stdout.write(`${JSON.stringify(found)}\n`);
})();
