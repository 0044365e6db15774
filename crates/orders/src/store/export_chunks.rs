//! The table `orders.export_chunks`: the files of exports.

use diesel::dsl;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use uuid::Uuid;

use crate::domain::ExportStatus;
use crate::schema::{export_chunks, exports};

pub(crate) async fn insert_chunk(
    tx: &mut TenantTx,
    export: Uuid,
    position: i32,
    data: &[u8],
) -> Result<(), DbError> {
    diesel::insert_into(export_chunks::table)
        .values((
            export_chunks::tenant_id.eq(tx.tenant()),
            export_chunks::id.eq(Uuid::now_v7()),
            export_chunks::export_id.eq(export),
            export_chunks::position.eq(position),
            export_chunks::data.eq(data),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Returns a piece of the file of an export that succeeded and has not expired.
pub(crate) async fn find_chunk(
    tx: &mut TenantTx,
    export: Uuid,
    position: i32,
) -> Result<Option<Vec<u8>>, DbError> {
    let there = of_tenant(exports::table, tx.tenant())
        .filter(exports::id.eq(export))
        .filter(exports::state.eq(ExportStatus::Succeeded.as_str()))
        .filter(exports::expires_at.gt(dsl::now));
    Ok(of_tenant(export_chunks::table, tx.tenant())
        .filter(export_chunks::export_id.eq(export))
        .filter(export_chunks::position.eq(position))
        .filter(dsl::exists(there))
        .select(export_chunks::data)
        .first(tx)
        .await
        .optional()?)
}

/// Deletes at most `limit` pieces of the file of an export that failed or expired, and returns their number.
pub(crate) async fn delete_chunks(tx: &mut TenantTx, export: Uuid, limit: i64) -> Result<usize, DbError> {
    let over = of_tenant(exports::table, tx.tenant()).filter(exports::id.eq(export)).filter(
        exports::expires_at.le(dsl::now).or(exports::finished_at
            .is_not_null()
            .and(exports::state.ne(ExportStatus::Succeeded.as_str()))
            .nullable()),
    );
    let ids: Vec<Uuid> = of_tenant(export_chunks::table, tx.tenant())
        .filter(export_chunks::export_id.eq(export))
        .filter(dsl::exists(over))
        .limit(limit)
        .select(export_chunks::id)
        .load(tx)
        .await?;
    Ok(diesel::delete(of_tenant(export_chunks::table, tx.tenant()))
        .filter(export_chunks::id.eq_any(ids))
        .execute(tx)
        .await?)
}
