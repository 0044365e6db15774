//! Finding outdated addresses and collisions.

use std::collections::BTreeMap;
use std::fmt;

use rowhouse_text::EmailAddress;
use tokio_postgres::{Client, Row};

/// The number of addresses that are read at a time.
const PAGE: i64 = 1000;

/// The columns by which an operator distinguishes people.
const HOLDER: &str = "i.id::text, i.email, to_char(i.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
    i.email_verified_at IS NOT NULL, i.disabled_at IS NOT NULL,
    (SELECT count(*) FROM auth.tenants_of_users t WHERE t.user_id = i.id)";

/// A person with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The id of the identity.
    pub id: String,
    /// The stored address.
    pub email: String,
    /// The day when the person was added, in UTC.
    pub since: String,
    /// True if the address was confirmed.
    pub verified: bool,
    /// True if an operator has disabled the person.
    pub disabled: bool,
    /// The number of tenants that the person is a member of.
    pub tenants: i64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, email, since, verified, disabled, tenants } = self;
        let verified = if *verified { "confirmed" } else { "never confirmed" };
        let disabled = if *disabled { ", disabled" } else { "" };
        let tenants = if *tenants == 1 { "1 tenant".to_owned() } else { format!("{tenants} tenants") };
        write!(f, "{email} ({id}, since {since}, {verified}, {tenants}{disabled})")
    }
}

/// Two or more people with one address, of whom at most one should be able to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The address in its canonical form.
    pub address: String,
    /// The people, the oldest first.
    pub holders: Vec<Holder>,
}

/// The result of a survey.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The people whose address can be rewritten, with its canonical form.
    pub outdated: Vec<(Holder, EmailAddress)>,
    /// The addresses that several people have.
    pub collisions: Vec<Collision>,
    /// The people whose address is not valid any more, and who cannot log in.
    pub unusable: Vec<Holder>,
}

/// Checks all addresses that may not be in canonical form. `owner` is connected as `rowhouse_owner`.
pub async fn survey(owner: &Client) -> Result<Survey, tokio_postgres::Error> {
    let mut survey = Survey::default();
    let mut holders_by_address: BTreeMap<String, (EmailAddress, BTreeMap<String, Holder>)> = BTreeMap::new();
    let mut last = uuid::Uuid::nil().to_string();
    loop {
        let page = owner
            .query(
                &format!(
                    "SELECT {HOLDER} FROM auth.identities i
                     WHERE i.id > $1::text::uuid
                         AND (octet_length(i.email) <> char_length(i.email) OR i.email LIKE '%xn--%')
                     ORDER BY i.id LIMIT $2"
                ),
                &[&last, &PAGE],
            )
            .await?;
        let Some(end) = page.last() else { break };
        last = end.try_get(0)?;
        for row in &page {
            let holder = holder(row)?;
            match holder.email.parse::<EmailAddress>() {
                Ok(address) => {
                    let key = address.as_str().to_owned();
                    let (_, holders) =
                        holders_by_address.entry(key).or_insert_with(|| (address, BTreeMap::new()));
                    holders.insert(holder.id.clone(), holder);
                }
                Err(_) => survey.unusable.push(holder),
            }
        }
    }
    // Another person may have the canonical form, which is ASCII only.
    let addresses: Vec<&str> = holders_by_address.keys().map(String::as_str).collect();
    let others = format!("SELECT {HOLDER} FROM auth.identities i WHERE i.email = ANY ($1)");
    for row in owner.query(&others, &[&addresses]).await? {
        let holder = holder(&row)?;
        if let Some((_, holders)) = holders_by_address.get_mut(&holder.email) {
            holders.insert(holder.id.clone(), holder);
        }
    }
    for (key, (address, holders)) in holders_by_address {
        // Ids begin with the time, so they are in the order in which the people were added.
        let mut holders: Vec<Holder> = holders.into_values().collect();
        if holders.len() > 1 {
            // A disabled person does not collide: the other one is found under each spelling.
            if holders.iter().filter(|holder| !holder.disabled).count() > 1 {
                survey.collisions.push(Collision { address: key, holders });
            }
        } else if let Some(holder) = holders.pop().filter(|holder| holder.email != key) {
            survey.outdated.push((holder, address));
        }
    }
    Ok(survey)
}

fn holder(row: &Row) -> Result<Holder, tokio_postgres::Error> {
    Ok(Holder {
        id: row.try_get(0)?,
        email: row.try_get(1)?,
        since: row.try_get(2)?,
        verified: row.try_get(3)?,
        disabled: row.try_get(4)?,
        tenants: row.try_get(5)?,
    })
}
