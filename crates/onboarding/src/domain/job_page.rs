//! Pages of the list of jobs, by keyset: a page begins behind the last job of the one before.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rowhouse_chassis::page::PageSize;
use rowhouse_jobs::{JobId, JobRecord, JobStatus};
use uuid::Uuid;

/// The page that a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobPageRequest {
    pub(crate) size: PageSize,
    /// Only jobs in this status.
    pub(crate) status: Option<JobStatus>,
    /// Only jobs that were enqueued before this one.
    pub(crate) before: Option<JobId>,
}

/// Jobs, newest first, and where to go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct JobPage {
    pub(crate) jobs: Vec<JobRecord>,
    pub(crate) next: Option<JobPageToken>,
}

impl JobPage {
    /// Makes a page out of what was found: one job more than its size, if there are as many.
    pub(crate) fn cut(request: &JobPageRequest, mut found: Vec<JobRecord>) -> Self {
        let size = request.size.get().into();
        let more = found.len() > size;
        found.truncate(size);
        let next = found
            .last()
            .filter(|_| more)
            .map(|last| JobPageToken { status: request.status, before: last.id });
        Self { jobs: found, next }
    }
}

/// Where the next page begins. It only says where in the caller's own list to go on, so it is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobPageToken {
    status: Option<JobStatus>,
    before: JobId,
}

/// The text is no page token, or one of another list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPageToken {
    #[error("send the next_page_token of the page before as it was, or leave it out for the first page")]
    Malformed,
    #[error("the token is of a list with another status: keep the status, or start at the first page")]
    AnotherList,
}

/// The first byte of a token, so that a later form can be told from this one.
const VERSION: u8 = 1;

impl JobPageToken {
    /// Version, status, id; in base64url.
    pub(crate) fn encode(self) -> String {
        let mut bytes = vec![VERSION, code(self.status)];
        bytes.extend(self.before.as_uuid().as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where the list of the jobs in `status` goes on.
    pub(crate) fn decode(text: &str, status: Option<JobStatus>) -> Result<JobId, InvalidPageToken> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).or(Err(InvalidPageToken::Malformed))?;
        let [VERSION, of_status, id @ ..] = bytes.as_slice() else {
            return Err(InvalidPageToken::Malformed);
        };
        let id = Uuid::from_slice(id).or(Err(InvalidPageToken::Malformed))?;
        if *of_status != code(status) {
            return Err(InvalidPageToken::AnotherList);
        }
        Ok(JobId::from(id))
    }
}

const fn code(status: Option<JobStatus>) -> u8 {
    match status {
        None => 0,
        Some(JobStatus::Queued) => 1,
        Some(JobStatus::Running) => 2,
        Some(JobStatus::Succeeded) => 3,
        Some(JobStatus::Dead) => 4,
        Some(JobStatus::Cancelled) => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);

    #[test]
    fn a_token_is_read_back_for_its_own_list_only() {
        let lists = [
            None,
            Some(JobStatus::Queued),
            Some(JobStatus::Running),
            Some(JobStatus::Succeeded),
            Some(JobStatus::Dead),
            Some(JobStatus::Cancelled),
        ];
        for status in lists {
            let token = JobPageToken { status, before: ID.into() }.encode();
            for list in lists {
                let expected =
                    if list == status { Ok(ID.into()) } else { Err(InvalidPageToken::AnotherList) };
                assert_eq!(JobPageToken::decode(&token, list), expected, "{token}");
            }
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let good = JobPageToken { status: None, before: ID.into() }.encode();
        let of = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        for text in [
            "",
            "x",
            &good[1..],
            &good[..good.len() - 1],
            &format!("{good}A"),
            &format!("{good}=="),
            &of(&[]),
            &of(&[VERSION, 0]),
            &of(&[&[VERSION + 1, 0], &ID.as_bytes()[..]].concat()),
            &of(&[&[VERSION, 0], &ID.as_bytes()[..], &[0]].concat()),
        ] {
            assert_eq!(JobPageToken::decode(text, None), Err(InvalidPageToken::Malformed), "{text:?}");
        }
    }
}
