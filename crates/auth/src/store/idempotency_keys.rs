//! The table `auth.idempotency_keys`: the first answer to each call that may be repeated.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::schema::idempotency_keys;

rowhouse_chassis::kept_answers!();
