//! [`Mailer`], which sends emails.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::{Address, AsyncTransport, Message};
use rowhouse_chassis::config::Environment;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use super::EmailContent;
use super::error::{MailError, SendError};
use super::metrics::{self, EmailResult};
use super::server::{SmtpServer, SmtpSource, public_url};
use super::texts::{Text, write};
use crate::MailArgs;
use crate::domain::EmailAddress;

/// The time limit for sending an email. A worker's lease is longer.
const LONGEST_SENDING: Duration = Duration::from_secs(40);

/// Sends emails. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Mailer {
    transport: Transport,
    from: Arc<Mailbox>,
    public_url: Arc<str>,
}

#[derive(Clone)]
enum Transport {
    Smtp(Arc<SmtpServer>),
    Directory(Arc<Path>),
}

impl Mailer {
    /// Checks the configuration. A server that cannot be reached is no error: it may be down for a while, and the
    /// emails wait.
    pub(crate) fn new(args: &MailArgs, environment: Environment) -> Result<Self, MailError> {
        let production = environment.is_production();
        let from = args.mail_from.parse::<Mailbox>().map_err(|error| MailError::From(error.to_string()))?;
        let public_url = public_url(&args.public_url, production)?;
        let transport = match (SmtpSource::of(args, production), &args.mail_dir) {
            (Some(source), None) => Transport::Smtp(Arc::new(SmtpServer::open(source)?)),
            (None, Some(_)) if production => return Err(MailError::DirectoryInProduction),
            (None, Some(path)) => {
                let failed = |source| MailError::Directory { path: path.clone(), source };
                DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
                Transport::Directory(path.as_path().into())
            }
            (Some(_), Some(_)) | (None, None) => return Err(MailError::Transport),
        };
        metrics::expect_emails();
        Ok(Self { transport, from: Arc::new(from), public_url: public_url.into() })
    }

    /// Sends an email and counts it. After a success the server is responsible for it. `id` identifies the email, so that a
    /// repetition can be recognised.
    pub(crate) async fn send(
        &self,
        to: &EmailAddress,
        content: &EmailContent,
        id: Uuid,
    ) -> Result<(), SendError> {
        let sent = self.send_uncounted(to, content, id).await;
        metrics::count(match &sent {
            Ok(()) => EmailResult::Delivered,
            Err(SendError::Temporary(_)) => EmailResult::Postponed,
            Err(SendError::Permanent(_)) => EmailResult::Failed,
        });
        sent
    }

    async fn send_uncounted(
        &self,
        to: &EmailAddress,
        content: &EmailContent,
        id: Uuid,
    ) -> Result<(), SendError> {
        let message = self.message(to, content, id)?;
        match &self.transport {
            Transport::Smtp(server) => {
                let server = server.current().await;
                let sent = tokio::time::timeout(LONGEST_SENDING, server.send(message)).await;
                let sent = sent.or(Err(SendError::Temporary("the SMTP server took too long".to_owned())))?;
                sent.map(drop).map_err(|error| refused(&error, to, content))
            }
            Transport::Directory(directory) => {
                let written = put(directory, id, &message.formatted()).await;
                written.map_err(|error| SendError::Temporary(format!("{}: {error}", directory.display())))
            }
        }
    }

    fn message(&self, to: &EmailAddress, content: &EmailContent, id: Uuid) -> Result<Message, SendError> {
        let Text { subject, body } = write(content, &self.public_url);
        let to = recipient(to);
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.email.clone()]);
        let envelope = envelope.map_err(|error| SendError::Permanent(error.to_string()))?;
        let message_id = format!("<{id}@{}>", self.from.email.domain());
        MessageBuilder::new()
            .from((*self.from).clone())
            .to(to)
            // An envelope from the headers would be parsed by rules that refuse marks, which Hindi and Thai need.
            .envelope(envelope)
            .subject(subject)
            .message_id(Some(message_id))
            .date_now()
            // Prevents out-of-office replies (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(ContentType::TEXT_PLAIN)
            .body(body)
            .map_err(|error| SendError::Permanent(error.to_string()))
    }
}

/// Converts an address. Its domain consists of A-labels; a local part that is not ASCII needs SMTPUTF8 (RFC 6531). It
/// was validated by stricter rules than the library's, except that the library refuses marks.
fn recipient(to: &EmailAddress) -> Mailbox {
    let (local, domain) = to.as_str().rsplit_once('@').unwrap_or_default();
    Mailbox::new(None, Address::new_dangerous(local, domain))
}

/// Interprets a server's refusal. The text is the server's and may quote the email, so the token is removed from it.
fn refused(error: &lettre::transport::smtp::Error, to: &EmailAddress, content: &EmailContent) -> SendError {
    let mut text = error.to_string();
    if let Some(token) = content.token() {
        text = text.replace(token, "[token]");
    }
    let code = error.status().map(u16::from);
    // 530 to 538 are about this service's own login, which an operator will correct.
    let about_the_email = matches!(code, Some(550..=559));
    if error.is_client() && !to.as_str().is_ascii() {
        let reason = format!("the SMTP server takes no internationalised addresses (SMTPUTF8): {text}");
        return SendError::Permanent(reason);
    }
    if about_the_email { SendError::Permanent(text) } else { SendError::Temporary(text) }
}

/// Writes an email's file atomically.
async fn put(directory: &Path, id: Uuid, email: &[u8]) -> io::Result<()> {
    let beside = directory.join(format!(".{}.new", Uuid::now_v7()));
    let mut file =
        tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).await?;
    file.write_all(email).await?;
    file.flush().await?;
    tokio::fs::rename(&beside, directory.join(format!("{id}.eml"))).await
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn by_smtp(url: &str) -> MailArgs {
        MailArgs { smtp_url: Some(url.to_owned()), mail_dir: None, ..MailArgs::into_directory("") }
    }

    #[tokio::test]
    async fn production_sends_over_tls_or_on_this_machine() {
        for (url, dev, production) in [
            ("smtps://user:secret@mail.example.com", true, true),
            ("smtp://user:secret@mail.example.com:587?tls=required", true, true),
            ("smtp://mail.example.com?tls=opportunistic", true, false),
            ("smtp://mail.example.com", true, false),
            ("smtp://localhost:1025", true, true),
            ("smtp://127.0.0.1:1025", true, true),
            ("smtp://[::1]:1025", true, true),
            ("smtp://127.0.0.1.example.com", true, false),
            ("http://mail.example.com", false, false),
            ("smtp://mail.example.com?tls=maybe", false, false),
            ("mail.example.com", false, false),
            ("", false, false),
        ] {
            let made = |environment| Mailer::new(&by_smtp(url), environment).map(drop);
            assert_eq!(made(Environment::Dev).is_ok(), dev, "{url}");
            let in_production = made(Environment::Production);
            assert_eq!(in_production.is_ok(), production, "{url}");
            if let Err(error) = in_production {
                assert!(!error.to_string().contains("secret"), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn an_invalid_configuration_is_reported_at_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let args = MailArgs::into_directory(directory.path().join("a/b"));
        assert!(Mailer::new(&args, Environment::Dev).is_ok());
        let production = Mailer::new(&args, Environment::Production).err().unwrap();
        assert!(matches!(production, MailError::DirectoryInProduction), "{production}");

        for from in ["", "nobody", "Rowhouse <nobody>", "a@b.example\r\nBcc: c@d.example"] {
            let args = MailArgs { mail_from: from.to_owned(), ..args.clone() };
            let error = Mailer::new(&args, Environment::Dev).err();
            assert!(matches!(error, Some(MailError::From(_))), "{from:?}");
        }
        for (url, dev, production) in [
            ("https://app.example.com/", true, true),
            ("http://localhost:8080", true, true),
            ("http://app.example.com", true, false),
            ("app.example.com", false, false),
            ("javascript:alert(1)", false, false),
            ("https://app.example.com/?a=b", false, false),
        ] {
            assert_eq!(public_url(url, false).is_ok(), dev, "{url}");
            assert_eq!(public_url(url, true).is_ok(), production, "{url}");
        }
        assert_eq!(public_url("https://app.example.com/x/", true).unwrap(), "https://app.example.com/x");

        let file = directory.path().join("ca.pem");
        fs::write(&file, "no certificate").unwrap();
        let args = MailArgs { smtp_ca_file: Some(file), ..by_smtp("smtps://localhost") };
        let error = Mailer::new(&args, Environment::Dev).err().unwrap();
        assert!(matches!(error, MailError::Authorities { .. }), "{error}");
    }

    /// Every valid address can be written to.
    #[test]
    fn every_address_can_be_written_to() {
        for (text, expected) in [
            ("ada@example.com", "ada@example.com"),
            ("o'brien_{x}=~1@a-b.example", "o'brien_{x}=~1@a-b.example"),
            ("ada.king+rowhouse@mail.example.co.uk", "ada.king+rowhouse@mail.example.co.uk"),
            ("root@localhost", "root@localhost"),
            ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example"),
            ("用户@例子.公司", "用户@xn--fsqu00a.xn--55qx5d"),
            ("संपर्क@डाटामेल.भारत", "संपर्क@xn--c2bd4bq1db8d.xn--h2brj9c"),
        ] {
            let recipient = recipient(&text.parse().unwrap());
            assert_eq!(recipient.email.to_string(), expected);
        }
    }
}
