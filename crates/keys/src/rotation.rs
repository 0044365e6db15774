//! New keys for old, while services sign and verify.
//!
//! A key is published before it signs, for longer than a verifier may go without reading the trusted keys again, and
//! stays published after it has signed, for as long as its tokens live. Between any two changes of a file the directory
//! works, and says how far the rotation has come.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rowhouse_chassis::signing::NEXT;
use rowhouse_tokens::SigningKeys;

use super::key_set::KeySet;
use super::{KeyDirectory, KeysError, io_error, issuers};

/// A verifier reads the trusted keys again at most every five seconds.
const LEAST_TIME_PUBLISHED: Duration = Duration::from_secs(6);

/// How keys are rotated.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Whose; everybody's when there is none.
    pub issuer: Option<String>,
    /// How long a key is published before it signs. Six seconds at least.
    pub publish_for: Duration,
    /// How long a key stays published after it has signed: longer than a token's life.
    pub retire_after: Duration,
    /// One of the two halves; both when there is none.
    pub step: Option<Step>,
}

/// Half a rotation, for when the files have to be brought to the services by other means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Step {
    /// Make the next key and publish it
    Publish,
    /// Let the published key sign
    Sign,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The next key can be verified with.
    Published {
        /// Whose it is.
        issuer: &'static str,
        /// Which.
        kid: String,
    },
    /// Nothing happens for some time.
    Waiting(Duration),
    /// A key signs from now on, and what it has replaced is still trusted.
    Signs {
        /// Whose it is.
        issuer: &'static str,
        /// Which.
        kid: String,
        /// The key before it.
        previous: Option<String>,
    },
    /// As another's rotation was found half done, this one is held to be done.
    LeftAlone {
        /// Whose key stays.
        issuer: &'static str,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published { issuer, kid } => write!(f, "{issuer}: the next key {kid} is published"),
            Self::Waiting(time) => {
                write!(
                    f,
                    "waiting {} s for verifiers to see it and old tokens to expire",
                    time.as_secs_f32().ceil()
                )
            }
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

/// Why keys are not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// Verifiers would not know the key when it signs.
    #[error(
        "a key has to be published for {} seconds at least before it signs: verifiers look for new ones every five",
        LEAST_TIME_PUBLISHED.as_secs()
    )]
    TooShort,
    /// Nobody of this name signs.
    #[error("{0} signs nothing; those who do are {all}", all = issuers().collect::<Vec<_>>().join(", "))]
    UnknownIssuer(String),
    /// Somebody else is at it.
    #[error("the keys are being rotated already: {} is locked", .0.display())]
    Running(PathBuf),
    /// There is nothing to let sign.
    #[error("{issuer} has no next key that is published: rotate with `--step publish` first")]
    NotPublished {
        /// Whose keys these are.
        issuer: &'static str,
    },
    /// A file is not as it should be.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// How far an issuer's rotation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// None is under way.
    Settled,
    /// There is a next key.
    Begun,
    /// The next key has become the current one, but the old previous one is still published.
    Signing,
}

impl KeyDirectory {
    /// Rotates the keys, and tells what it does. One that was interrupted is continued. What ends with this process is
    /// the waiting only: calling it again takes it up.
    pub async fn rotate(
        &self,
        rotation: &Rotation,
        report: impl FnMut(Progress),
    ) -> Result<(), RotationError> {
        self.rotate_waiting(rotation, report, tokio::time::sleep).await
    }

    async fn rotate_waiting<F: Future<Output = ()>>(
        &self,
        rotation: &Rotation,
        mut report: impl FnMut(Progress),
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
            Some(Step::Publish) => {
                return sets.iter().try_for_each(|(_, set)| begin(set, &mut report));
            }
            Some(Step::Sign) => Duration::ZERO,
            None => rotation.publish_for,
        };
        // Keys begin to sign together, and only then the first of the old ones is dropped: where that is left to do,
        // everything else is done.
        let finishing = sets.iter().any(|(stage, _)| *stage == Stage::Signing);
        let mut signing = Vec::new();
        let mut rotating = Vec::new();
        for (stage, set) in sets {
            match (stage, rotation.step) {
                (Stage::Signing, _) => signing.push(set),
                (Stage::Settled, _) if finishing => report(Progress::LeftAlone { issuer: set.issuer }),
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
            let mut time = publish_for;
            for set in &rotating {
                time = time.max(set.tokens_live_for(rotation.retire_after)?);
            }
            if !time.is_zero() {
                report(Progress::Waiting(time));
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
            report(Progress::Signs { issuer: set.issuer, kid: current.kid().to_owned(), previous });
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

    /// Is given back when it is dropped, and when the process ends.
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

/// Publishes the next key, which is made unless it is there.
fn begin(set: &KeySet, report: &mut impl FnMut(Progress)) -> Result<(), RotationError> {
    let next = match set.read(NEXT)? {
        Some(next) => next,
        None => set.make(NEXT)?,
    };
    set.publish()?;
    report(Progress::Published { issuer: set.issuer, kid: next.kid().to_owned() });
    Ok(())
}

impl KeySet {
    fn stage(&self) -> Result<Stage, KeysError> {
        let (keys, published) = (self.read_all()?, self.published()?.keys);
        if keys.next.is_some() {
            return Ok(Stage::Begun);
        }
        // What is published still starts with the key that signed when the next one was published.
        let behind = keys.previous.is_some_and(|previous| published.first() == Some(previous.jwk()));
        Ok(if behind && published.contains(keys.current.jwk()) { Stage::Signing } else { Stage::Settled })
    }

    fn is_next_published(&self) -> Result<bool, KeysError> {
        let published = self.published()?;
        Ok(self.read(NEXT)?.is_some_and(|next| published.keys.contains(next.jwk())))
    }

    /// How long tokens of the previous key, which is about to be dropped, may still be good.
    fn tokens_live_for(&self, retire_after: Duration) -> Result<Duration, KeysError> {
        let keys = self.read_all()?;
        // Kept already by a rotation that was interrupted then: nothing is dropped.
        if keys.previous.is_none_or(|previous| previous.kid() == keys.current.kid()) {
            return Ok(Duration::ZERO);
        }
        let since = SystemTime::now().duration_since(self.retired()?).unwrap_or_default();
        Ok(retire_after.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests;
