//! The table `auth.idempotency_keys`: the first answers of repeatable calls.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::schema::idempotency_keys;

rowhouse_chassis::kept_answers!();
