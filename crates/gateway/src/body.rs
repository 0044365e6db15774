//! Reading a request's body of any media type.

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::Version;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{HttpMessage, HttpRequest, web};
use futures_util::{FutureExt, StreamExt};
use rowhouse_chassis::admission::{Applicant, Memory, NoRoom, Party, Urgency};
use rowhouse_chassis::error::Code;
use rowhouse_tenancy::TenantId;

use crate::arrival::deadline;
use crate::error::Problem;
use crate::origin::Origin;

/// The size limit of a body.
pub(crate) const LIMIT: usize = 1024 * 1024;

/// The size from which on a body is large: far more than that of usual requests.
pub(crate) const LARGE: usize = 64 * 1024;

/// Returns the media type without its parameters, in lower case, or `None` unless there is exactly one.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let mut types = headers.get_all(CONTENT_TYPE);
    match (types.next().map(|value| value.to_str()), types.next()) {
        (Some(Ok(value)), None) => {
            let essence = value.split(';').next().unwrap_or_default();
            Some(essence.trim().to_ascii_lowercase())
        }
        _ => None,
    }
}

/// A body that is about to arrive.
pub(crate) struct IncomingBody {
    /// The length in the headers, or 0.
    announced: usize,
    request: HttpRequest,
}

impl IncomingBody {
    /// Reads the headers, and refuses what they announce if it cannot be read.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let headers = request.headers();
        if headers
            .get_all(CONTENT_ENCODING)
            .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
        {
            let detail = "send the body as it is, without a Content-Encoding";
            return Err(Problem::new(Code::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let announced =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
        if announced > LIMIT {
            return Err(too_large());
        }
        Ok(Self { announced, request: request.clone() })
    }

    /// Reads the whole body, which has to arrive before the request's deadline.
    pub(crate) async fn read(self, payload: Payload) -> Result<Vec<u8>, Problem> {
        let deadline = deadline(&self.request);
        let arriving = self.collect(payload);
        let Some(deadline) = deadline else { return arriving.await };
        let arrived = tokio::time::timeout(deadline.remaining(), arriving).await;
        arrived.map_err(|_elapsed| {
            let detail =
                "the body did not arrive in the time that a request has: send it faster, or send less at once";
            Problem::new(Code::REQUEST_TOO_SLOW, detail)
        })?
    }

    async fn collect(self, mut payload: Payload) -> Result<Vec<u8>, Problem> {
        let Some(memory) = self.request.app_data::<web::Data<Memory>>() else {
            tracing::error!("the application does not know its memory");
            return Err(Problem::internal());
        };
        let mut body = memory.arriving(self.party()?);
        if self.announced > 0 {
            body.announce(self.announced);
        }
        // HTTP/1 has one request in a connection, of which there is a bounded number.
        let is_one_of_many = self.request.version() == Version::HTTP_2;
        loop {
            let chunk = if let Some(chunk) = payload.next().now_or_never() {
                chunk
            } else {
                if is_one_of_many {
                    body.wait().map_err(no_room)?;
                }
                payload.next().await
            };
            let Some(chunk) = chunk else { break };
            let chunk = chunk.map_err(|error| broken(&error))?;
            if body.len() + chunk.len() > LIMIT {
                return Err(too_large());
            }
            body.push(&chunk).map_err(no_room)?;
        }
        let (bytes, room) = body.finish();
        if let Some(room) = room {
            // The values that are parsed from the body take as much, until the request is answered.
            self.request.extensions_mut().insert(room);
        }
        Ok(bytes)
    }

    /// Returns the tenant, of which many may come from one network, if its token is verified: that of a request begins before its body
    /// is read.
    fn party(&self) -> Result<Party, Problem> {
        let tenant = self.request.extensions().get::<TenantId>().copied();
        Ok(match tenant {
            Some(tenant) => Party::Tenant(tenant),
            None => {
                Applicant::stranger(Origin::of(&self.request)?.client().network(), Urgency::Interactive).party
            }
        })
    }
}

fn no_room(_: NoRoom) -> Problem {
    let detail = "many large requests arrive at the moment: try again later, or send less at once";
    Problem::new(Code::OVERLOADED, detail)
}

fn too_large() -> Problem {
    Problem::new(Code::BODY_TOO_LARGE, "the body is larger than 1 MiB: send less at once")
}

fn broken(error: &PayloadError) -> Problem {
    tracing::debug!(%error, "a body was interrupted");
    Problem::new(Code::INVALID_ARGUMENT, "the body was interrupted: send it again")
}

/// Begins a request with what reading its body needs.
#[cfg(test)]
pub(crate) fn test_request() -> actix_web::test::TestRequest {
    use rowhouse_chassis::client::TrustedProxies;
    use rowhouse_chassis::config::ProxyArgs;

    actix_web::test::TestRequest::default()
        .app_data(web::Data::new(Memory::new()))
        .app_data(web::Data::new(TrustedProxies::from(ProxyArgs::default())))
}
