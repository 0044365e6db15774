//! The method that creates an export.

use prost::Message;
use rowhouse_chassis::access::{context, member};
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::idempotency::{Repeatable, answered_once};
use rowhouse_chassis::limits::{EXPORT_MIB, EXPORTS, UNFINISHED_EXPORTS};
use rowhouse_jobs::NewJob;
use rowhouse_proto::orders::v1::{self, CreateExportRequest, CreateExportResponse};
use rowhouse_tenancy::TenantContext;
use tonic::Request;
use uuid::Uuid;

use super::ExportRpc;
use crate::domain::{ExportFormat, IdempotencyKey, OrderStatus};
use crate::error::Error;
use crate::exports::WriteExport;
use crate::rpc::order::parse_status;
use crate::rpc::repeatable;
use crate::store::exports::{NewExport, insert_export, usage};
use crate::store::idempotency_keys::{keep, recall};

pub(super) async fn create_export(
    rpc: &ExportRpc,
    request: &Request<CreateExportRequest>,
) -> Result<CreateExportResponse, Error> {
    let cx = context(request)?;
    let (format, order_status, key) = parse(request.get_ref())?;
    let encoded = CreateExportRequest { idempotency_key: None, ..request.get_ref().clone() }.encode_to_vec();
    let call = repeatable(&cx, key.as_ref(), "CreateExport", &encoded)?;
    let new = New { format, order_status, created_by: member(&cx)? };
    answered_once(|| create(rpc, &cx, new, call.as_ref())).await
}

#[derive(Clone, Copy)]
struct New {
    format: ExportFormat,
    order_status: Option<OrderStatus>,
    created_by: Uuid,
}

async fn create(
    rpc: &ExportRpc,
    cx: &TenantContext,
    New { format, order_status, created_by }: New,
    call: Option<&Repeatable>,
) -> Result<CreateExportResponse, Error> {
    rpc.db
        .tx(cx, "exports.create", async |tx| {
            if let Some(first) = recall(tx, &rpc.encryption, call).await? {
                return Ok(completed(first));
            }
            let usage = usage(tx).await?;
            UNFINISHED_EXPORTS.allows(usage.unfinished + 1)?;
            // Exports are kept for a day, in the common database.
            EXPORTS.allows(usage.kept + 1)?;
            EXPORT_MIB.allows((usage.size_bytes >> 20) + 1)?;
            let id = Uuid::now_v7();
            let job = rowhouse_jobs::enqueue(tx, NewJob::new(WriteExport { export_id: id })).await?;
            let new = NewExport { id, format, order_status, job_id: job.as_uuid(), created_by };
            let answer = CreateExportResponse { export: Some(insert_export(tx, &new).await?.into()) };
            keep(tx, &rpc.encryption, call, &answer).await?;
            Ok::<_, Error>(answer)
        })
        .await
}

/// The error for a resource other than orders.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send \"orders\": there is nothing else to export")]
struct UnknownResource;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send one of csv, jsonl")]
struct UnknownFormat;

type Parsed = (ExportFormat, Option<OrderStatus>, Option<IdempotencyKey>);

/// Completes an answer that an earlier release stored with the progress in other fields: a new export has none.
fn completed(mut kept: CreateExportResponse) -> CreateExportResponse {
    if let Some(export) = &mut kept.export {
        export.progress.get_or_insert_default();
    }
    kept
}

fn parse(request: &CreateExportRequest) -> Result<Parsed, Error> {
    let CreateExportRequest { resource, format, order_status, idempotency_key } = request;
    let mut violations = Violations::default();
    let resource =
        violations.check("resource", if resource == "orders" { Ok(()) } else { Err(UnknownResource) });
    let format = violations.check("format", parse_format(*format));
    let order_status = violations.check("order_status", parse_status(*order_status));
    let key = idempotency_key.as_ref().map(|key| key.parse()).transpose();
    let key = violations.check("idempotency_key", key);
    match (resource, format, order_status, key) {
        (Some(()), Some(format), Some(order_status), Some(key)) => Ok((format, order_status, key)),
        _ => Err(violations.into()),
    }
}

fn parse_format(format: i32) -> Result<ExportFormat, UnknownFormat> {
    match v1::ExportFormat::try_from(format) {
        Ok(v1::ExportFormat::Csv) => Ok(ExportFormat::Csv),
        Ok(v1::ExportFormat::Jsonl) => Ok(ExportFormat::JsonLines),
        Ok(v1::ExportFormat::Unspecified) | Err(_) => Err(UnknownFormat),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(resource: &str, format: i32, order_status: i32) -> CreateExportRequest {
        CreateExportRequest { resource: resource.to_owned(), format, order_status, idempotency_key: None }
    }

    #[test]
    fn an_answer_from_before_progress_has_none() {
        let kept = CreateExportResponse { export: Some(v1::Export::default()) };
        let export = completed(kept).export.unwrap();
        assert_eq!(export.progress.unwrap(), v1::ExportProgress { done: 0, total: 0 });
    }

    #[test]
    fn requests() {
        assert_eq!(parse(&request("orders", 1, 0)).unwrap(), (ExportFormat::Csv, None, None));
        assert_eq!(
            parse(&request("orders", 2, 2)).unwrap(),
            (ExportFormat::JsonLines, Some(OrderStatus::Paid), None)
        );
        for (resource, format, order_status, wrong) in [
            ("", 0, -1, &["resource", "format", "order_status"][..]),
            ("Orders", 1, 0, &["resource"]),
            ("orders", 3, 0, &["format"]),
            ("orders", 2, 5, &["order_status"]),
        ] {
            match parse(&request(resource, format, order_status)) {
                Err(Error::Invalid(violations)) => {
                    assert_eq!(violations.into_iter().map(|one| one.field).collect::<Vec<_>>(), wrong);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
