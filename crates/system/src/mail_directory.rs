//! The emails that auth writes into a directory in development.

use std::fs;
use std::path::PathBuf;

use mailparse::MailHeaderMap;

/// A directory with a file for each email.
#[derive(Clone, Debug)]
pub struct MailDirectory {
    path: PathBuf,
}

/// An email, as its reader sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceivedEmail {
    /// The recipient's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The token on a line of its own, if there is one. A secret.
    pub token: Option<String>,
    /// The link with the token, if there is one. A secret.
    pub link: Option<String>,
}

impl std::fmt::Debug for ReceivedEmail {
    /// Leaves out the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceivedEmail")
            .field("to", &self.to)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl MailDirectory {
    /// Returns the directory at `path`. A missing directory is an empty one.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns the names of the emails, the oldest first.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> = names.filter(|name| name.strip_suffix(".eml").is_some()).collect();
        names.sort();
        names
    }

    /// Returns an email, or `None` if the file is missing or not an email.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<ReceivedEmail> {
        ReceivedEmail::parse(&fs::read(self.path.join(name)).ok()?)
    }

    /// Returns all emails, the oldest first.
    #[must_use]
    pub fn emails(&self) -> Vec<ReceivedEmail> {
        self.names().iter().filter_map(|name| self.read(name)).collect()
    }
}

impl ReceivedEmail {
    /// Parses an email in the form in which it is sent (RFC 5322).
    #[must_use]
    pub fn parse(email: &[u8]) -> Option<Self> {
        let parsed = mailparse::parse_mail(email).ok()?;
        let body = parsed.get_body().ok()?.replace("\r\n", "\n");
        let line = |fits: fn(&str) -> bool| body.lines().find(|line| fits(line)).map(str::to_owned);
        Some(Self {
            to: parsed.headers.get_first_value("To")?,
            subject: parsed.headers.get_first_value("Subject")?,
            token: line(|line| line.starts_with("rowhouse_") && !line.contains(' ')),
            link: line(|line| line.starts_with("http") && line.contains("?token=")),
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_is_decoded() {
        let directory = tempfile::tempdir().unwrap();
        let mail = MailDirectory::at(directory.path());
        let email = "To: ada@example.com\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\
            Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
            Hello S=C3=B6hne,\r\n\r\nhttp://localhost:8080/verify-email?token=3Drowhouse_otl_=\r\nabc\r\n\r\n\
            rowhouse_otl_abc\r\n";
        fs::write(directory.path().join("2.eml"), email).unwrap();
        fs::write(directory.path().join("1.eml"), "To: bob@example.com\r\nSubject: Nothing\r\n\r\nHello\r\n")
            .unwrap();
        fs::write(directory.path().join(".3.new"), "half an email").unwrap();
        let emails = mail.emails();
        let [nothing, verify] = emails.as_slice() else { panic!("{emails:?}") };
        assert_eq!((nothing.to.as_str(), &nothing.token, &nothing.link), ("bob@example.com", &None, &None));
        assert_eq!((verify.to.as_str(), verify.subject.as_str()), ("ada@example.com", "Grüße"));
        assert!(verify.body.starts_with("Hello Söhne,\n"));
        assert_eq!(verify.token.as_deref(), Some("rowhouse_otl_abc"));
        assert_eq!(verify.link.as_deref(), Some("http://localhost:8080/verify-email?token=rowhouse_otl_abc"));
        assert!(!format!("{verify:?}").contains("rowhouse_otl"));
        assert!(MailDirectory::at(directory.path().join("nowhere")).emails().is_empty());
    }
}
