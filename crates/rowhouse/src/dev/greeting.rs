//! The text that `rowhouse dev` prints when everything runs.

use std::path::Path;

use super::endpoints::Endpoints;

/// Returns the text. The example onboards with a fixed idempotency key, so its lines work after every start.
pub(super) fn text(endpoints: &Endpoints, directory: &Path, log: Option<&Path>) -> String {
    let Endpoints { gateway, services, .. } = endpoints;
    let services = services.0.iter().map(|(service, url)| format!("  {:<10}  {url}\n", service.as_str()));
    let services = services.collect::<String>();
    let database = match log {
        Some(log) => format!("private, its log is {}", log.display()),
        None => "the one of DATABASE_URL".to_owned(),
    };
    let directory = directory.display();
    format!(
        r#"
Rowhouse is up. Ctrl-C stops it; the data stays in {directory}.

  gateway     {gateway}  (reference: {gateway}/docs)
{services}  PostgreSQL  {database}
  mail        {directory}/mail, the link in each email is shown here

Try it from another terminal: onboard a company, log in as its owner, place an order.

curl -sS {gateway}/v1/tenants -H 'content-type: application/json' -H 'idempotency-key: first-steps' -d '{{"name":"Initech","slug":"initech","admin":{{"email":"bill@initech.example","password":"correct horse battery"}}}}'
TOKEN=$(curl -sS {gateway}/v1/auth/login -H 'content-type: application/json' -d '{{"email":"bill@initech.example","password":"correct horse battery","tenant":"initech"}}' | sed 's/.*"access_token" *: *"\([^"]*\)".*/\1/')
curl -sS {gateway}/v1/orders -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{{"customer":"Alice","currency":"EUR","lines":[{{"sku":"chair","quantity":2,"unit_price_minor":4950}}]}}'

"#
    )
}
