//! The text that `rowhouse dev` prints when everything runs.

use std::path::Path;

use super::endpoints::Endpoints;

/// Returns the text. The example onboards with a fixed idempotency key, so its lines work after every start.
pub(super) fn text(endpoints: &Endpoints, directory: &Path, log: Option<&Path>) -> String {
    let Endpoints { gateway, services, database, admin: _ } = endpoints;
    let services = services.0.iter().map(|(service, url)| format!("  {:<10}  {url}\n", service.as_str()));
    let services = services.collect::<String>();
    let directory = directory.display();
    let database = match log {
        Some(log) => format!("{}, its log is {}", without_password(database), log.display()),
        None => "the one of DATABASE_URL".to_owned(),
    };
    format!(
        r#"
Rowhouse is up. Ctrl-C stops it; the data stays in {directory}.

  gateway     {gateway}  (reference: {gateway}/docs)
{services}  PostgreSQL  {database}
              `rowhouse psql --data-dir {directory}` opens it
  mail        {directory}/mail, the link in each email is shown here

Try it from another terminal: onboard a company, log in as its owner, place an order.

curl -sS {gateway}/v1/tenants -H 'content-type: application/json' -H 'idempotency-key: first-steps' -d '{{"name":"Initech","slug":"initech","admin":{{"email":"bill@initech.example","password":"correct horse battery"}}}}'
TOKEN=$(curl -sS {gateway}/v1/auth/login -H 'content-type: application/json' -d '{{"email":"bill@initech.example","password":"correct horse battery","tenant":"initech"}}' | sed 's/.*"access_token" *: *"\([^"]*\)".*/\1/')
curl -sS {gateway}/v1/orders -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{{"customer":"Alice","currency":"EUR","lines":[{{"sku":"chair","quantity":2,"unit_price_minor":4950}}]}}'

"#
    )
}

/// Returns the URL of a private database without the password, which is in `endpoints.json`.
fn without_password(url: &str) -> String {
    let parts = url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
    let Some((scheme, (login, place))) = parts else { return url.to_owned() };
    let user = login.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}@{place}")
}
