//! Looking at the jobs, newest first.

use rowhouse_chassis::access::authorize;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageSize;
use rowhouse_jobs::ListJobs;
use rowhouse_proto::jobs::v1::{ListJobsRequest, ListJobsResponse};
use rowhouse_tokens::Permission;
use tonic::Request;

use super::job::{parse_status, to_proto};
use crate::domain::{JobPage, JobPageRequest, JobPageToken};
use crate::error::Error;
use crate::rpc::Rpc;

pub(super) async fn list_jobs(
    rpc: &Rpc,
    request: &Request<ListJobsRequest>,
) -> Result<ListJobsResponse, Error> {
    let cx = authorize(request, Permission::JobsRead)?;
    let asked = parse(request.get_ref())?;
    let list = ListJobs { limit: asked.size.and_one(), before: asked.before, status: asked.status };
    let found = rpc
        .db
        .tx(&cx, "jobs.list", async |tx| Ok::<_, Error>(rowhouse_jobs::list_jobs(tx, &list).await?))
        .await?;
    let JobPage { jobs, next } = JobPage::cut(&asked, found);
    Ok(ListJobsResponse {
        jobs: jobs.into_iter().map(to_proto).collect(),
        next_page_token: next.map(JobPageToken::encode).unwrap_or_default(),
    })
}

fn parse(request: &ListJobsRequest) -> Result<JobPageRequest, Error> {
    let ListJobsRequest { page_size, page_token, status } = request;
    let mut violations = Violations::default();
    let size = violations.check("page_size", PageSize::try_from(*page_size));
    let status = violations.check("status", parse_status(*status));
    let before = match status {
        Some(status) if !page_token.is_empty() => {
            violations.check("page_token", JobPageToken::decode(page_token, status)).map(Some)
        }
        _ => Some(None),
    };
    match (size, status, before) {
        (Some(size), Some(status), Some(before)) => Ok(JobPageRequest { size, status, before }),
        _ => Err(Error::Invalid(violations.into())),
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::jobs::v1::JobStatus;

    use super::*;

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let asked = |page_size, page_token: &str, status| ListJobsRequest {
            page_size,
            page_token: page_token.to_owned(),
            status,
        };
        let first = parse(&asked(0, "", 0)).unwrap();
        assert_eq!((first.size.get(), first.status, first.before), (20, None, None));
        for (request, wrong) in [
            (asked(-1, "x", 0), vec!["page_size", "page_token"]),
            (asked(-1, "x", 17), vec!["page_size", "status"]),
            (asked(0, "x", JobStatus::Dead.into()), vec!["page_token"]),
        ] {
            match parse(&request) {
                Err(Error::Invalid(violations)) => {
                    assert_eq!(violations.into_iter().map(|one| one.field).collect::<Vec<_>>(), wrong);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
