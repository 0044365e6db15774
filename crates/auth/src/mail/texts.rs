//! The texts of emails.

use super::EmailContent;
use super::quoted::{quoted, quoted_address};

/// Subjects are the same for everybody. Texts of other people appear in the body only, quoted.
const INVITATION: &str = "Invitation to join a company";
const WELCOME: &str = "Welcome: your company is set up";

/// The text of an email.
pub(super) struct Text {
    pub(super) subject: String,
    /// The body. Lines end with LF.
    pub(super) body: String,
}

/// Writes an email. `public_url` has no trailing slash.
pub(super) fn write(content: &EmailContent, public_url: &str) -> Text {
    let link = |path: &str, token: &str| {
        format!("{public_url}/{path}?token={token}\n\nOr send this token by the API:\n\n{token}\n")
    };
    let (subject, body) = match content {
        EmailContent::VerifyEmail { token } => (
            "Confirm your email address".to_owned(),
            format!(
                "please confirm that this is your email address, by this link. It is good for seven days.\n\n{}\n\
                 If you have not signed up, ignore this email.\n",
                link("verify-email", token)
            ),
        ),
        EmailContent::SetPassword { token, first: true } => (
            "Set your password".to_owned(),
            format!(
                "an account was made for this email address. To log in, set its password by this link. It is good for \
                 seven days, and once.\n\n{}\n\
                 If you have not signed up, ignore this email.\n",
                link("reset-password", token)
            ),
        ),
        EmailContent::SetPassword { token, first: false } => (
            "Set a new password".to_owned(),
            format!(
                "somebody, probably you, has asked for a new password. Set it by this link. It is good for half an \
                 hour, and once.\n\n{}\n\
                 If it was not you, ignore this email: your password stays as it is.\n",
                link("reset-password", token)
            ),
        ),
        EmailContent::Invitation { tenant, inviter: Some(inviter), role, token } => {
            let (tenant, inviter) = (quoted(tenant), quoted_address(inviter));
            let text = format!(
                "{inviter} invites you to join \"{tenant}\" in the role {}. Accept by this link. It is good for seven \
                 days, and once.\n\n{}\n\
                 If you do not want to join, ignore this email.\n",
                quoted(role),
                link("accept-invitation", token)
            );
            (INVITATION.to_owned(), text)
        }
        EmailContent::Invitation { tenant, inviter: None, role, token } => {
            let tenant = quoted(tenant);
            let text = format!(
                "somebody, probably you, has set up \"{tenant}\" with your email address in the role {}. Join it by \
                 this link. It is good for seven days, and once. Your account and its password stay as they \
                 are.\n\n{}\n\
                 If it was not you, ignore this email: nothing happens without the link.\n",
                quoted(role),
                link("accept-invitation", token)
            );
            (INVITATION.to_owned(), text)
        }
        EmailContent::Welcome { tenant, slug } => {
            let tenant = quoted(tenant);
            let text = format!(
                "\"{tenant}\" is set up, and you are its owner. Log in with your email address; who belongs to several \
                 companies names this one by \"{slug}\".\n\n{public_url}/login?tenant={slug}\n"
            );
            (WELCOME.to_owned(), text)
        }
        EmailContent::PasswordChanged => (
            "Your password was changed".to_owned(),
            format!(
                "the password of your account was changed just now, and all of its sessions have ended.\n\n\
                 If it was not you, set a new one at once:\n\n{public_url}/forgot-password\n"
            ),
        ),
        EmailContent::MfaEnabled => (
            "Your second factor is on".to_owned(),
            "from now on your account asks for a code of your second factor at each login. Keep the recovery codes \
             in a safe place.\n\nIf it was not you, change your password and ask your administrator for help.\n"
                .to_owned(),
        ),
        EmailContent::MfaDisabled => (
            "Your second factor is off".to_owned(),
            "your account does not ask for a code of a second factor any more.\n\nIf it was not you, change your \
             password at once and switch the second factor on again.\n"
                .to_owned(),
        ),
        EmailContent::WebhookEndpointDisabled { tenant, webhook_endpoint_id, gone } => {
            let why = if *gone {
                "its receiver answered 410 (Gone)"
            } else {
                "for five days it has taken nothing that was sent to it"
            };
            let text = format!(
                "the webhook endpoint {webhook_endpoint_id} of \"{}\" was disabled: {why}. What was waiting for it is not sent \
                 any more, and what happens from now on is not sent later.\n\n\
                 Once the receiver works again, enable the endpoint by the API.\n",
                quoted(tenant)
            );
            ("A webhook endpoint was disabled".to_owned(), text)
        }
    };
    Text { subject, body: format!("Hello,\n\n{body}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://app.example.com";

    fn token() -> String {
        "rowhouse_otl_abc".to_owned()
    }

    fn invitation(tenant: &str, inviter: Option<&str>) -> EmailContent {
        let (tenant, inviter) = (tenant.to_owned(), inviter.map(str::to_owned));
        EmailContent::Invitation { tenant, inviter, role: "owner".to_owned(), token: token() }
    }

    #[test]
    fn a_link_and_a_line_with_the_token_alone() {
        for (content, path) in [
            (EmailContent::VerifyEmail { token: token() }, "verify-email"),
            (EmailContent::SetPassword { token: token(), first: true }, "reset-password"),
            (EmailContent::SetPassword { token: token(), first: false }, "reset-password"),
            (invitation("Acme", None), "accept-invitation"),
            (invitation("Acme", Some("ada@example.com")), "accept-invitation"),
        ] {
            let Text { subject, body } = write(&content, URL);
            let lines: Vec<_> = body.lines().collect();
            assert!(lines.contains(&format!("{URL}/{path}?token=rowhouse_otl_abc").as_str()), "{body}");
            assert!(lines.contains(&"rowhouse_otl_abc"), "{body}");
            assert!(!subject.contains("rowhouse_otl_abc"));
        }
        let welcome = EmailContent::Welcome { tenant: "Acme".to_owned(), slug: "acme".to_owned() };
        assert!(write(&welcome, URL).body.contains(&format!("\n{URL}/login?tenant=acme\n")));
        for content in
            [welcome, EmailContent::PasswordChanged, EmailContent::MfaEnabled, EmailContent::MfaDisabled]
        {
            assert!(!write(&content, URL).body.contains("token="));
        }
    }

    #[test]
    fn a_name_cannot_become_a_header_or_a_body() {
        let name = "Acme\r\nBcc: all@example.com\r\n\r\nhttps://evil.example";
        for inviter in [None, Some("www.evil.example/x@evil.example")] {
            let Text { subject, body } = write(&invitation(name, inviter), URL);
            assert_eq!(subject, INVITATION);
            assert!(body.contains("\"Acme Bcc all (at) example·com https evil·example\""), "{body}");
            assert!(!body.contains("evil.") && body.matches("://").count() == 1, "{body}");
        }
        let (tenant, slug) = (name.to_owned(), "acme".to_owned());
        let Text { subject, body } = write(&EmailContent::Welcome { tenant, slug }, URL);
        assert_eq!(subject, WELCOME);
        assert!(!body.contains("evil.") && body.matches("://").count() == 1, "{body}");
    }
}
