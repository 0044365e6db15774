//! Key rotation while services sign and verify.
//!
//! A key is published before it signs, for longer than a verifier may go without reading the trusted keys again, and
//! stays published after it has signed, as long as its tokens are valid. The directory is valid between any two
//! changes of a file, and shows the progress of the rotation.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rowhouse_chassis::signing::NEXT;
use rowhouse_tokens::SigningKeys;

use super::key_set::KeySet;
use super::{KeyDirectory, KeysError, io_error, issuers};

/// The shortest time for which a key must be published. Verifiers read the trusted keys again at most every five
/// seconds.
const LEAST_TIME_PUBLISHED: Duration = Duration::from_secs(6);

/// The settings of a rotation.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The issuer; all issuers without one.
    pub issuer: Option<String>,
    /// The time for which a key is published before it signs. At least six seconds.
    pub publish_for: Duration,
    /// The time for which a key stays published after it has signed: longer than a token's lifetime.
    pub retire_after: Duration,
    /// The only step to do; both steps when absent.
    pub step: Option<RotationStep>,
}

/// One step of a rotation, for key files that are copied to the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RotationStep {
    /// Create the next key and publish it
    Publish,
    /// Let the published key sign
    Sign,
}

/// The progress of a rotation, for a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotationProgress {
    /// The next key can be used for verification.
    Published {
        /// The service that the key belongs to.
        issuer: &'static str,
        /// The key id.
        kid: String,
    },
    /// The rotation waits.
    Waiting {
        /// The time.
        time: Duration,
        /// The service whose previous key is still needed for so long; without it, the services have to see the next key.
        expiring: Option<&'static str>,
    },
    /// A key signs from now on, and the one before is still trusted.
    Signs {
        /// The service that the key belongs to.
        issuer: &'static str,
        /// The key id.
        kid: String,
        /// The previous key.
        previous: Option<String>,
    },
    /// This issuer's keys stay, since its rotation was done before another's was interrupted.
    LeftAlone {
        /// The issuer whose key stays.
        issuer: &'static str,
    },
}

impl fmt::Display for RotationProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published { issuer, kid } => write!(f, "{issuer}: the next key {kid} is published"),
            Self::Waiting { time, expiring: None } => {
                write!(f, "waiting {} s until every service has seen the next key", time.as_secs_f32().ceil())
            }
            Self::Waiting { time, expiring: Some(issuer) } => write!(
                f,
                "waiting {} s until the tokens of {issuer}'s previous key have expired, since it is not trusted after this. You \
                 can interrupt this and run it again later; --retire-after 0 does not wait, and those tokens are refused",
                time.as_secs_f32().ceil()
            ),
            Self::Signs { issuer, kid, previous: None } => write!(f, "{issuer}: the key {kid} signs"),
            Self::Signs { issuer, kid, previous: Some(previous) } => {
                write!(f, "{issuer}: the key {kid} signs; {previous} is still trusted")
            }
            Self::LeftAlone { issuer } => {
                write!(f, "{issuer}: left alone, since this only finished a rotation that was interrupted")
            }
        }
    }
}

/// The reason why keys were not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// Verifiers might not know the key when it signs.
    #[error(
        "a key has to be published for {} seconds at least before it signs: verifiers look for new ones every five",
        LEAST_TIME_PUBLISHED.as_secs()
    )]
    TooShort,
    /// There is no such issuer.
    #[error("{0} signs nothing; the services that sign are {all}", all = issuers().collect::<Vec<_>>().join(", "))]
    UnknownIssuer(String),
    /// Another rotation is running.
    #[error("the keys are being rotated already: {} is locked", .0.display())]
    Running(PathBuf),
    /// No next key was published.
    #[error("{issuer} has no next key that is published: rotate with `--step publish` first")]
    NotPublished {
        /// The issuer.
        issuer: &'static str,
    },
    /// A file is invalid.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// The progress of an issuer's rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is no rotation.
    Settled,
    /// There is a next key.
    Begun,
    /// The next key has become the current one, but the old previous one is still published.
    Signing,
}

impl KeyDirectory {
    /// Rotates the keys and reports each step. An interrupted rotation is continued: only the waiting ends with this
    /// process, and another call resumes it.
    pub async fn rotate(
        &self,
        rotation: &Rotation,
        report: impl FnMut(RotationProgress),
    ) -> Result<(), RotationError> {
        self.rotate_waiting(rotation, report, tokio::time::sleep).await
    }

    async fn rotate_waiting<F: Future<Output = ()>>(
        &self,
        rotation: &Rotation,
        mut report: impl FnMut(RotationProgress),
        wait: impl FnOnce(Duration) -> F,
    ) -> Result<(), RotationError> {
        if rotation.publish_for < LEAST_TIME_PUBLISHED {
            return Err(RotationError::TooShort);
        }
        let chosen = self.chosen(rotation.issuer.as_deref())?;
        for set in &chosen {
            set.read_all()?;
        }
        let _lock = self.lock()?;

        let mut sets = Vec::with_capacity(chosen.len());
        for set in chosen {
            sets.push((set.stage()?, set));
        }
        let publish_for = match rotation.step {
            Some(RotationStep::Publish) => {
                return sets.iter().try_for_each(|(_, set)| begin(set, &mut report));
            }
            Some(RotationStep::Sign) => Duration::ZERO,
            None => rotation.publish_for,
        };
        // All issuers' keys begin to sign before the first old one is dropped, so if dropping is left, everything
        // else is done.
        let finishing = sets.iter().any(|(stage, _)| *stage == Stage::Signing);
        let mut signing = Vec::new();
        let mut rotating = Vec::new();
        for (stage, set) in sets {
            match (stage, rotation.step) {
                (Stage::Signing, _) => signing.push(set),
                (Stage::Settled, _) if finishing => {
                    report(RotationProgress::LeftAlone { issuer: set.issuer });
                }
                (Stage::Settled | Stage::Begun, None) => rotating.push(set),
                (Stage::Begun, Some(_)) if set.is_next_published()? => rotating.push(set),
                (Stage::Settled | Stage::Begun, Some(_)) => {
                    return Err(RotationError::NotPublished { issuer: set.issuer });
                }
            }
        }
        if !rotating.is_empty() {
            if rotation.step.is_none() {
                rotating.iter().try_for_each(|set| begin(set, &mut report))?;
            }
            let (mut time, mut expiring) = (publish_for, None);
            for set in &rotating {
                let live = set.tokens_live_for(rotation.retire_after)?;
                if live > time {
                    (time, expiring) = (live, Some(set.issuer));
                }
            }
            if !time.is_zero() {
                report(RotationProgress::Waiting { time, expiring });
                wait(time).await;
            }
            for set in &rotating {
                set.keep_current()?;
                set.promote_next()?;
            }
        }
        signing.extend(rotating);
        signing.iter().try_for_each(|set| {
            set.publish()?;
            let SigningKeys { current, previous, .. } = set.read_all()?;
            let previous = previous.map(|key| key.kid().to_owned());
            report(RotationProgress::Signs { issuer: set.issuer, kid: current.kid().to_owned(), previous });
            Ok(())
        })
    }

    fn chosen(&self, issuer: Option<&str>) -> Result<Vec<KeySet>, RotationError> {
        let chosen = issuers().filter(|known| issuer.is_none_or(|issuer| issuer == *known));
        let chosen: Vec<_> = chosen.map(|issuer| self.set(issuer)).collect();
        match issuer {
            Some(issuer) if chosen.is_empty() => Err(RotationError::UnknownIssuer(issuer.to_owned())),
            _ => Ok(chosen),
        }
    }

    /// Takes the lock, which is released when it is dropped or the process ends.
    fn lock(&self) -> Result<File, RotationError> {
        let path = self.path.join("rotate.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(io_error(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(RotationError::Running(path)),
            Err(TryLockError::Error(source)) => Err(io_error(&path)(source).into()),
        }
    }
}

/// Publishes the next key, which is created unless it exists.
fn begin(set: &KeySet, report: &mut impl FnMut(RotationProgress)) -> Result<(), RotationError> {
    let next = match set.read(NEXT)? {
        Some(next) => next,
        None => set.make(NEXT)?,
    };
    set.publish()?;
    report(RotationProgress::Published { issuer: set.issuer, kid: next.kid().to_owned() });
    Ok(())
}

impl KeySet {
    fn stage(&self) -> Result<Stage, KeysError> {
        let (keys, published) = (self.read_all()?, self.published()?.keys);
        if keys.next.is_some() {
            return Ok(Stage::Begun);
        }
        // The published list still starts with the key that signed when the next one was published.
        let behind = keys.previous.is_some_and(|previous| published.first() == Some(previous.jwk()));
        Ok(if behind && published.contains(keys.current.jwk()) { Stage::Signing } else { Stage::Settled })
    }

    fn is_next_published(&self) -> Result<bool, KeysError> {
        let published = self.published()?;
        Ok(self.read(NEXT)?.is_some_and(|next| published.keys.contains(next.jwk())))
    }

    /// Returns how long tokens of the previous key, which will be dropped, may still be valid.
    fn tokens_live_for(&self, retire_after: Duration) -> Result<Duration, KeysError> {
        let keys = self.read_all()?;
        // An interrupted rotation has already kept it: nothing is dropped.
        if keys.previous.is_none_or(|previous| previous.kid() == keys.current.kid()) {
            return Ok(Duration::ZERO);
        }
        let since = SystemTime::now().duration_since(self.retired()?).unwrap_or_default();
        Ok(retire_after.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests;
