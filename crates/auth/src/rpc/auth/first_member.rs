//! What the methods for a tenant's first member have in common.

use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::network::Network;

use crate::domain::{Allowance, EmailAddress, Limit};
use crate::error::Error;
use crate::rpc::Rpc;
use crate::sealing::Digest32;
use crate::store::allowances::spend;
use crate::store::attempts::{admit, is_familiar};
use crate::store::identities::{Identity, find_identity};
use crate::throttle::{Guess, familiar};

/// Guesses at one account's password, from anywhere. Who is refused can still join by the mailed link, so this keeps nobody
/// out.
const GUESSES_OF_ACCOUNT: i32 = 20;
/// Guesses from one network, behind which there may be a whole office.
const GUESSES_FROM_NETWORK: i32 = 100;

pub(super) fn parse_email(text: &str) -> Result<EmailAddress, Error> {
    let mut violations = Violations::default();
    violations.check("email", text.parse()).ok_or_else(|| violations.into())
}

/// A sign-up, as far as it is counted: as one, and as a guess, since its answers say indirectly whether a password was
/// right.
pub(super) struct SignUp<'a> {
    rpc: &'a Rpc,
    email: &'a EmailAddress,
    network: Option<Network>,
    guesses: Vec<Limit>,
}

/// The findings about somebody who signs up.
pub(super) struct Seen {
    pub(super) identity: Option<Identity>,
    pub(super) guess: Guess,
    /// The account was logged in to from the network before.
    pub(super) known: bool,
}

impl<'a> SignUp<'a> {
    pub(super) fn new(rpc: &'a Rpc, email: &'a EmailAddress, client: &Client) -> Self {
        let (sealing, network) = (&rpc.sealing, client.network());
        let mut guesses =
            Limit::of_network(sealing, "guesses at sign-up from a network", network, GUESSES_FROM_NETWORK);
        guesses.push(Limit::new(sealing, "guesses at sign-up", &[email.as_str()], GUESSES_OF_ACCOUNT));
        Self { rpc, email, network, guesses }
    }

    /// The salt of the first password of an address. Of several sign-ups at once, those with the same password have the
    /// same hash: by it the later ones are known again.
    pub(super) fn salt(&self) -> Digest32 {
        self.rpc.sealing.digest("salt of a first password", self.email.as_str().as_bytes())
    }

    /// Counts it, whether the address is somebody's or not: so a refusal says nothing about it.
    pub(super) async fn admit(&self) -> Result<Seen, Error> {
        let (rpc, email) = (self.rpc, self.email.as_str());
        let admitted = rpc.db.global_tx("auth.admit_sign_up", async |tx| {
            let identity = find_identity(tx, self.email).await?;
            let known = is_familiar(tx, familiar(&rpc.sealing, self.email, self.network)).await?;
            let mut allowances = self.network_allowances();
            if !known {
                let rate = rpc.sign_ups.of_address;
                allowances.push(Allowance::new(&rpc.sealing, "sign-ups of an address", &[email], rate));
            }
            if let Some(wait) = spend(tx, &allowances).await? {
                return Err(Error::TooManyAttempts { wait });
            }
            let admission = admit(tx, &self.guesses).await?;
            Ok(Seen { identity, guess: Guess::new(&self.guesses, admission), known })
        });
        admitted.await
    }

    /// Counts it when it is known who signs up: strangers' sign-ups with the address do not hold them up.
    pub(super) async fn admit_known(&self) -> Result<(), Error> {
        let admitted = self.rpc.db.global_tx("auth.admit_sign_up", async |tx| {
            spend(tx, &self.network_allowances()).await.map_err(Error::from)
        });
        match admitted.await? {
            Some(wait) => Err(Error::TooManyAttempts { wait }),
            None => Ok(()),
        }
    }

    fn network_allowances(&self) -> Vec<Allowance> {
        let rate = self.rpc.sign_ups.from_network;
        Allowance::of_network(&self.rpc.sealing, "sign-ups from a network", self.network, rate)
    }

    /// Counts a guess alone.
    pub(super) async fn guess(&self) -> Result<(Option<Identity>, Guess), Error> {
        let admitted = self.rpc.db.global_tx("auth.guess_at_sign_up", async |tx| {
            let identity = find_identity(tx, self.email).await?;
            let admission = admit(tx, &self.guesses).await?;
            Ok::<_, Error>((identity, Guess::new(&self.guesses, admission)))
        });
        admitted.await
    }

    /// It was none.
    pub(super) async fn forgive(&self, guess: &Guess) -> Result<(), Error> {
        let forgiven = async |tx: &mut _| guess.take_back(tx).await.map_err(Error::from);
        self.rpc.db.global_tx("auth.forgive_sign_up", forgiven).await
    }
}
