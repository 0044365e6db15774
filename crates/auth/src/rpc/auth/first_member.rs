//! Parts that the methods for a tenant's first member share.

use rowhouse_chassis::client::Client;
use rowhouse_chassis::cpu_pool::Asker;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::grpc::Deadline;
use rowhouse_chassis::network::Network;

use crate::domain::{Allowance, EmailAddress, Limit};
use crate::encryption::Digest32;
use crate::error::Error;
use crate::rpc::Rpc;
use crate::store::allowances::spend;
use crate::store::attempts::{admit, is_familiar};
use crate::store::identities::{Identity, find_identity};
use crate::throttle::{Guess, familiar};

/// The free guesses at one account's password, from everywhere. A person who is refused can still join by the emailed
/// link.
const GUESSES_OF_ACCOUNT: i32 = 20;
/// The free guesses from one network, which may be a whole office.
const GUESSES_FROM_NETWORK: i32 = 100;

pub(super) fn parse_email(text: &str) -> Result<EmailAddress, Error> {
    let mut violations = Violations::default();
    violations.check("email", text.parse()).ok_or_else(|| violations.into())
}

/// A sign-up, for counting: as a sign-up, and as a guess, since its result indirectly reveals whether a password was
/// right.
pub(super) struct SignUp<'a> {
    rpc: &'a Rpc,
    email: &'a EmailAddress,
    network: Option<Network>,
    guesses: Vec<Limit>,
}

/// The findings about a person who signs up.
pub(super) struct SignUpFindings {
    pub(super) identity: Option<Identity>,
    pub(super) guess: Guess,
    /// The caller, who is known if there was a login to the account from the network before.
    pub(super) asker: Asker,
}

impl<'a> SignUp<'a> {
    pub(super) fn new(rpc: &'a Rpc, email: &'a EmailAddress, client: &Client) -> Self {
        let (encryption, network) = (&rpc.encryption, client.network());
        let mut guesses =
            Limit::of_network(encryption, "guesses at sign-up from a network", network, GUESSES_FROM_NETWORK);
        guesses.push(Limit::new(encryption, "guesses at sign-up", &[email.as_str()], GUESSES_OF_ACCOUNT));
        Self { rpc, email, network, guesses }
    }

    /// Returns the salt of an address's first password. Of several sign-ups at once, those with the same password
    /// have the same hash, by which the later ones are recognised.
    pub(super) fn salt(&self) -> Digest32 {
        self.rpc.encryption.digest("salt of a first password", self.email.as_str().as_bytes())
    }

    /// Counts a sign-up, whether the address is known or not, so a refusal reveals nothing. If its password would not be hashed, nothing
    /// is written.
    pub(super) async fn admit(
        &self,
        hashes: bool,
        deadline: Option<Deadline>,
    ) -> Result<SignUpFindings, Error> {
        let (rpc, email) = (self.rpc, self.email.as_str());
        let admitted = rpc.db.global_tx("auth.admit_sign_up", async |tx| {
            let identity = find_identity(tx, self.email).await?;
            let known = is_familiar(tx, familiar(&rpc.encryption, self.email, self.network)).await?;
            let person = identity.as_ref().filter(|_| known).map(|identity| identity.id.as_uuid());
            let asker = Asker { known, person, network: self.network, deadline };
            if hashes {
                rpc.hashing.check_queue(asker)?;
            }
            let mut allowances = self.network_allowances();
            if !known {
                let rate = rpc.sign_ups.of_address;
                allowances.push(Allowance::new(&rpc.encryption, "sign-ups of an address", &[email], rate));
            }
            if let Some(wait) = spend(tx, &allowances).await? {
                return Err(Error::TooManySignUps { wait });
            }
            let admission = admit(tx, &self.guesses).await?;
            Ok(SignUpFindings { identity, guess: Guess::new(&self.guesses, admission), asker })
        });
        admitted.await
    }

    /// Counts a sign-up by a person who was recognised. Strangers' sign-ups with the address do not delay them.
    pub(super) async fn admit_known(&self) -> Result<(), Error> {
        let admitted = self.rpc.db.global_tx("auth.admit_sign_up", async |tx| {
            spend(tx, &self.network_allowances()).await.map_err(Error::from)
        });
        match admitted.await? {
            Some(wait) => Err(Error::TooManySignUps { wait }),
            None => Ok(()),
        }
    }

    fn network_allowances(&self) -> Vec<Allowance> {
        let rate = self.rpc.sign_ups.from_network;
        Allowance::of_network(&self.rpc.encryption, "sign-ups from a network", self.network, rate)
    }

    /// Counts only a guess.
    pub(super) async fn guess(&self) -> Result<(Option<Identity>, Guess), Error> {
        let admitted = self.rpc.db.global_tx("auth.guess_at_sign_up", async |tx| {
            let identity = find_identity(tx, self.email).await?;
            let admission = admit(tx, &self.guesses).await?;
            Ok::<_, Error>((identity, Guess::new(&self.guesses, admission)))
        });
        admitted.await
    }

    /// Uncounts a guess.
    pub(super) async fn forgive(&self, guess: &Guess) -> Result<(), Error> {
        let forgiven = async |tx: &mut _| guess.take_back(tx).await.map_err(Error::from);
        self.rpc.db.global_tx("auth.forgive_sign_up", forgiven).await
    }
}
