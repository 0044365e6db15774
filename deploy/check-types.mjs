// Divides manifests into the resources of Kubernetes itself and those of operators, and writes the latter as TypeScript, whose compiler
// then finds fields that their definitions do not have.
//
//   node check-types.mjs MANIFESTS NATIVE.yaml RESOURCES.ts
import { readFileSync, writeFileSync } from "node:fs";
import { parseAllDocuments, stringify } from "yaml";

const packages = {
  "cert-manager.io": "cert-manager",
  "external-secrets.io": "external-secrets",
  "gateway.networking.k8s.io": "gateway-api",
  "monitoring.coreos.com": "prometheus-operator",
};
const [manifests, native, resources] = process.argv.slice(2);
const [natives, types] = [[], []];
for (const document of parseAllDocuments(readFileSync(manifests, "utf8"))) {
  const { apiVersion, kind, ...object } = document.toJS();
  const found = packages[apiVersion.split("/")[0]];
  if (found) {
    const name = `${kind}${types.length}`;
    const module = `@kubernetes-models/${found}/${apiVersion}/${kind}`;
    types.push(`import { ${kind} as ${name} } from "${module}";\nnew ${name}(${JSON.stringify(object, null, 2)});\n`);
  } else {
    natives.push(stringify({ apiVersion, kind, ...object }));
  }
}
writeFileSync(native, natives.join("---\n"));
writeFileSync(resources, types.join("") + "export {};\n");
