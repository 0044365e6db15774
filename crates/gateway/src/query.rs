//! Query strings: each parameter is known and comes once.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use url::form_urlencoded;

use crate::error::Problem;

/// The decoded parameters, in the order of `names`; one that is not among these or comes twice is an error.
pub(crate) fn parameters<'q, const N: usize>(
    query: &'q str,
    names: [&str; N],
) -> Result<[Option<Cow<'q, str>>; N], Problem> {
    let mut found = [const { None }; N];
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = names.iter().position(|known| *known == name).and_then(|at| found.get_mut(at));
        match place {
            Some(place @ None) => *place = Some(value),
            Some(Some(_)) => return Err(Problem::invalid(&shown(&name), "send the parameter once")),
            None if N == 0 => {
                return Err(Problem::invalid(&shown(&name), "this address takes no parameters"));
            }
            None => {
                let detail = format!("there is no such parameter; send {} only", names.join(", "));
                return Err(Problem::invalid(&shown(&name), &detail));
            }
        }
    }
    Ok(found)
}

/// A name that the caller made up, as long as a name may be.
fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(64) {
        Some((end, _)) => Cow::Owned(format!("{}…", name.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(name),
    }
}

/// An address that takes no parameters.
pub(crate) struct NoQuery;

impl FromRequest for NoQuery {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parameters(request.query_string(), []).map(|[]| Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> String {
        parameters(query, ["size", "token"]).unwrap_err().to_string()
    }

    #[test]
    fn known_parameters_are_decoded() {
        let [size, token] = parameters("token=a%2Bb+c&size=", ["size", "token"]).unwrap();
        assert_eq!((size.as_deref(), token.as_deref()), (Some(""), Some("a+b c")));
        let [size, token] = parameters("", ["size", "token"]).unwrap();
        assert_eq!((size, token), (None, None));
        assert!(parameters("&&", ["size"]).is_ok());
    }

    #[test]
    fn others_are_refused() {
        assert!(refused("sise=1").ends_with("sise: there is no such parameter; send size, token only"));
        assert!(refused("size=1&size=2").ends_with("size: send the parameter once"));
        assert!(refused("%ff=1").contains("there is no such parameter"));
        assert!(refused(&format!("{}=1", "é".repeat(5000))).len() < 300);
        assert!(parameters("x", []).unwrap_err().to_string().contains("takes no parameters"));
    }
}
