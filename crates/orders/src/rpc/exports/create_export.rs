//! Having an export written.

use rowhouse_chassis::error::Violations;
use rowhouse_chassis::limits::{EXPORT_MIB, EXPORTS, UNFINISHED_EXPORTS};
use rowhouse_jobs::NewJob;
use rowhouse_proto::orders::v1::{self, CreateExportRequest, CreateExportResponse};
use rowhouse_tokens::{Permission, Principal};
use tonic::Request;
use uuid::Uuid;

use super::{ExportRpc, authorize};
use crate::domain::OrderStatus;
use crate::error::Error;
use crate::exports::{Format, WriteExport};
use crate::rpc::order::parse_status;
use crate::store::exports::{NewExport, insert_export, usage};

pub(super) async fn create_export(
    rpc: &ExportRpc,
    request: &Request<CreateExportRequest>,
) -> Result<CreateExportResponse, Error> {
    let cx = authorize(request, Permission::ExportsWrite)?;
    let (format, status) = parse(request.get_ref())?;
    let Some(Principal::User { id: created_by, .. } | Principal::ApiKey { id: created_by, .. }) =
        cx.principal()
    else {
        return Err(Error::PeopleOnly);
    };
    let created = rpc.db.tx(&cx, "exports.create", async |tx| {
        let usage = usage(tx).await?;
        UNFINISHED_EXPORTS.allows(usage.unfinished + 1)?;
        // They are kept for a day, in the database that everybody shares.
        EXPORTS.allows(usage.kept + 1)?;
        EXPORT_MIB.allows((usage.size_bytes >> 20) + 1)?;
        let id = Uuid::now_v7();
        let job = rowhouse_jobs::enqueue(tx, NewJob::new(WriteExport { export_id: id })).await?;
        let new = NewExport { id, format, status, job_id: job.as_uuid(), created_by: *created_by };
        Ok::<_, Error>(insert_export(tx, &new).await?)
    });
    Ok(CreateExportResponse { export: Some(created.await?.into()) })
}

/// What nothing else than orders can be exported as.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send \"orders\": there is nothing else to export")]
struct UnknownResource;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send one of csv, jsonl")]
struct UnknownFormat;

fn parse(request: &CreateExportRequest) -> Result<(Format, Option<OrderStatus>), Error> {
    let CreateExportRequest { resource, format, status } = request;
    let mut violations = Violations::default();
    let resource =
        violations.check("resource", if resource == "orders" { Ok(()) } else { Err(UnknownResource) });
    let format = violations.check("format", parse_format(*format));
    let status = violations.check("status", parse_status(*status));
    match (resource, format, status) {
        (Some(()), Some(format), Some(status)) => Ok((format, status)),
        _ => Err(violations.into()),
    }
}

fn parse_format(format: i32) -> Result<Format, UnknownFormat> {
    match v1::ExportFormat::try_from(format) {
        Ok(v1::ExportFormat::Csv) => Ok(Format::Csv),
        Ok(v1::ExportFormat::Jsonl) => Ok(Format::JsonLines),
        Ok(v1::ExportFormat::Unspecified) | Err(_) => Err(UnknownFormat),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(resource: &str, format: i32, status: i32) -> CreateExportRequest {
        CreateExportRequest { resource: resource.to_owned(), format, status }
    }

    #[test]
    fn requests() {
        assert_eq!(parse(&request("orders", 1, 0)).unwrap(), (Format::Csv, None));
        assert_eq!(parse(&request("orders", 2, 2)).unwrap(), (Format::JsonLines, Some(OrderStatus::Paid)));
        for (resource, format, status, wrong) in [
            ("", 0, -1, &["resource", "format", "status"][..]),
            ("Orders", 1, 0, &["resource"]),
            ("orders", 3, 0, &["format"]),
            ("orders", 2, 5, &["status"]),
        ] {
            match parse(&request(resource, format, status)) {
                Err(Error::Invalid(violations)) => {
                    assert_eq!(violations.into_iter().map(|one| one.field).collect::<Vec<_>>(), wrong);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
