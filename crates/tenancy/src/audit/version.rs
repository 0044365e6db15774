//! PostgreSQL releases with known vulnerabilities in row-level security.

/// The first release of each major version in which statistics no longer reveal rows that a policy hides
/// (CVE-2025-8713).
const FIXED: &[(i32, i32)] = &[(15, 14), (16, 10), (17, 6)];

/// Returns a warning if a server with this `server_version_num` is too old or has a known vulnerability in row-level
/// security.
///
/// The number is `major * 10000 + minor`, such as 150018 for 15.18.
#[must_use]
pub fn server_version_warning(version_num: i32) -> Option<String> {
    let (major, minor) = (version_num / 10_000, version_num % 10_000);
    let (oldest, _) = *FIXED.first()?;
    if major < oldest {
        return Some(format!("PostgreSQL {major} is too old: use {oldest} or newer"));
    }
    let (_, fixed) = *FIXED.iter().find(|(of, _)| *of == major)?;
    (minor < fixed).then(|| {
        format!(
            "PostgreSQL {major}.{minor} has a known vulnerability in row-level security: use {major}.{fixed} or newer"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vulnerable_versions_have_a_warning() {
        for (version, vulnerable) in [
            (140_019, true),
            (150_013, true),
            (150_014, false),
            (160_009, true),
            (160_010, false),
            (170_005, true),
            (170_006, false),
            (180_000, false),
        ] {
            assert_eq!(server_version_warning(version).is_some(), vulnerable, "{version}");
        }
    }

    #[test]
    fn the_warning_says_what_to_use() {
        assert_eq!(
            server_version_warning(160_003).as_deref(),
            Some("PostgreSQL 16.3 has a known vulnerability in row-level security: use 16.10 or newer")
        );
    }
}
