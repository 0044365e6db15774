//! The method that lists jobs, newest first.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageRequest;
use rowhouse_proto::jobs::v1::{ListJobsRequest, ListJobsResponse};
use tonic::Request;
use uuid::Uuid;

use super::job::{parse_status, to_proto};
use super::{Error, JobRpc};
use crate::{JobId, JobStatus, ListJobs, list_jobs};

impl JobRpc {
    pub(super) async fn list(&self, request: &Request<ListJobsRequest>) -> Result<ListJobsResponse, Error> {
        let cx = context(request)?;
        let (status, page) = parse(request.get_ref())?;
        let list = ListJobs { limit: page.size.and_one(), before: page.after.map(JobId::from), status };
        let found =
            self.db.read(&cx, "jobs.list", async |tx| Ok::<_, Error>(list_jobs(tx, &list).await?)).await?;
        let (jobs, next_page_token) = page.cut(found, |job| job.id.as_uuid());
        Ok(ListJobsResponse { jobs: jobs.into_iter().map(to_proto).collect(), next_page_token })
    }
}

fn parse(request: &ListJobsRequest) -> Result<(Option<JobStatus>, PageRequest<Uuid>), Error> {
    let ListJobsRequest { page_size, page_token, status } = request;
    let mut violations = Violations::default();
    let list = format!("jobs {status}");
    let page = PageRequest::parse(*page_size, page_token, &list, &mut violations);
    let status = violations.check("status", parse_status(*status));
    status.zip(page).ok_or_else(|| Error::Invalid(violations))
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::jobs::v1;

    use super::*;

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let asked = |page_size, page_token: &str, status| ListJobsRequest {
            page_size,
            page_token: page_token.to_owned(),
            status,
        };
        let (status, page) = parse(&asked(0, "", 0)).unwrap();
        assert_eq!((status, page.size.get(), page.after), (None, 20, None));
        for (request, wrong) in [
            (asked(-1, "x", 0), vec!["page_size", "page_token"]),
            (asked(-1, "x", 17), vec!["page_size", "page_token", "status"]),
            (asked(0, "x", v1::JobStatus::Dead.into()), vec!["page_token"]),
        ] {
            match parse(&request) {
                Err(Error::Invalid(violations)) => {
                    let fields = Vec::from(violations).into_iter().map(|violation| violation.field);
                    assert_eq!(fields.collect::<Vec<_>>(), wrong);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
