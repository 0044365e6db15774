//! Tests of checking passwords, and of measuring the time of a hash.

use super::*;

const COST: u32 = 4;
const ASKER: Asker = Asker { known: true, person: None, network: None, deadline: None };

fn password(text: &str) -> Password {
    Password::parse(text.to_owned()).unwrap()
}

async fn hash(hashing: &Hashing, text: &str) -> PasswordHash {
    hashing.hash(password(text), ASKER).await.unwrap()
}

#[tokio::test]
async fn only_the_right_password_of_an_identity_is_right() {
    let hashing = Hashing::new(COST).await.unwrap();
    let stored = hash(&hashing, "correct horse").await;
    let longest = "ж".repeat(128);
    let almost = format!("{}з", "ж".repeat(127));
    let stored_longest = hash(&hashing, &longest).await;
    for (attempt, stored, expected) in [
        (Some("correct horse"), Some(&stored), PasswordVerdict::Right { outdated: false }),
        (Some(longest.as_str()), Some(&stored_longest), PasswordVerdict::Right { outdated: false }),
        (Some("correct horsf"), Some(&stored), PasswordVerdict::Wrong),
        (Some(&almost), Some(&stored_longest), PasswordVerdict::Wrong),
        (Some("Correct horse"), Some(&stored), PasswordVerdict::Wrong),
        (Some("correct horse"), None, PasswordVerdict::Wrong),
        (None, Some(&stored), PasswordVerdict::Wrong),
        (None, None, PasswordVerdict::Wrong),
    ] {
        let verdict = hashing.check(attempt.map(password), stored.cloned(), ASKER).await.unwrap();
        assert_eq!(verdict, expected, "{attempt:?}");
    }
}

/// The text that the dummy was hashed from is refused as well.
#[tokio::test]
async fn no_password_fits_the_dummy() {
    let hashing = Hashing::new(COST).await.unwrap();
    let dummy = hashing.dummy.clone();
    assert_eq!(hashing.check(None, Some(dummy), ASKER).await.unwrap(), PasswordVerdict::Wrong);
}

#[tokio::test]
async fn a_cheaper_hash_is_outdated_and_a_dearer_one_is_not() {
    let (cheap, dear) = (Hashing::new(COST).await.unwrap(), Hashing::new(COST + 1).await.unwrap());
    let check = async |hashing: &Hashing, stored: &PasswordHash, text| {
        hashing.check(Some(password(text)), Some(stored.clone()), ASKER).await.unwrap()
    };
    let of_cheap = hash(&cheap, "correct horse").await;
    let of_dear = hash(&dear, "correct horse").await;
    assert_eq!(check(&dear, &of_cheap, "correct horse").await, PasswordVerdict::Right { outdated: true });
    assert_eq!(check(&cheap, &of_dear, "correct horse").await, PasswordVerdict::Right { outdated: false });
    assert_eq!(check(&dear, &of_cheap, "wrong horse").await, PasswordVerdict::Wrong);
}

/// Hashes from before the prehash: bcrypt of the text as typed.
#[tokio::test]
async fn a_hash_from_before_is_right_and_outdated() {
    let hashing = Hashing::new(COST).await.unwrap();
    let check = async |text: &str, stored: &str| {
        let password = Password::parse_existing(text.to_owned());
        hashing.check(password, Some(stored.to_owned().into()), ASKER).await.unwrap()
    };
    let longest = "a".repeat(71);
    // Four characters, and a decomposed letter, were accepted then.
    for text in ["correct horse", "паро", "cafe\u{301} nai\u{308}ve", &longest] {
        let stored = bcrypt::non_truncating_hash(text, COST).unwrap();
        assert_eq!(check(text, &stored).await, PasswordVerdict::Right { outdated: true }, "{text:?}");
        assert_eq!(check("wrong horse", &stored).await, PasswordVerdict::Wrong, "{text:?}");
        // The hash that replaces it.
        let password = Password::parse_existing(text.to_owned()).unwrap();
        let new = hashing.hash(password, ASKER).await.unwrap();
        assert_eq!(check(text, new.as_str()).await, PasswordVerdict::Right { outdated: false }, "{text:?}");
    }
    // bcrypt would not distinguish these.
    let stored = bcrypt::non_truncating_hash(&longest, COST).unwrap();
    for longer in [72, 73, 128] {
        assert_eq!(check(&"a".repeat(longer), &stored).await, PasswordVerdict::Wrong);
    }
}

/// Knowledge of the prehash of a password does not allow a login with it.
#[tokio::test]
async fn a_prehash_is_no_password() {
    let hashing = Hashing::new(COST).await.unwrap();
    let stored = hashing.hash(password("correct horse"), ASKER).await.unwrap();
    let salt = HashParts::from_str(&stored.to_bcrypt().0).unwrap().get_salt();
    let prehash = password("correct horse").for_bcrypt(&salt).to_string();
    assert_eq!(
        hashing.check(Some(password(&prehash)), Some(stored), ASKER).await.unwrap(),
        PasswordVerdict::Wrong
    );
}

/// Values from passlib 1.7.4: `bcrypt_sha256.using(rounds=4, salt=…).hash(…)`.
#[tokio::test]
async fn hashes_of_another_program_are_understood() {
    let hashing = Hashing::new(COST).await.unwrap();
    for (text, checksum) in [
        ("correct horse", "E9qjVnkzEWr9OitExy6DYk7l7AjZ4iK"),
        (&"ж".repeat(64), "q7LRCYoIzgrLhRXFfXD1Md.8mgNGP5O"),
    ] {
        let stored = format!("$bcrypt-sha256$v=2,t=2b,r=4$n79VH.0Q2TMWmt3Oqt9uku${checksum}");
        let verdict = hashing.check(Some(password(text)), Some(stored.into()), ASKER).await.unwrap();
        assert_eq!(verdict, PasswordVerdict::Right { outdated: false }, "{text:?}");
    }
}

#[tokio::test]
async fn one_password_from_two_keyboards_is_one() {
    let hashing = Hashing::new(COST).await.unwrap();
    let stored = hashing.hash(password("café naïve 4711"), ASKER).await.unwrap();
    let decomposed = password("cafe\u{301} nai\u{308}ve 4711");
    let verdict = hashing.check(Some(decomposed), Some(stored), ASKER).await.unwrap();
    assert_eq!(verdict, PasswordVerdict::Right { outdated: false });
}

#[tokio::test]
async fn the_same_password_never_has_the_same_hash() {
    let hashing = Hashing::new(COST).await.unwrap();
    let one = hash(&hashing, "correct horse").await;
    assert_ne!(one, hash(&hashing, "correct horse").await);
    assert!(one.as_str().starts_with("$bcrypt-sha256$v=2,t=2b,r=4$"), "the format of passlib");
}

#[tokio::test]
async fn a_stored_text_that_is_no_hash_is_an_error_and_no_verdict() {
    let hashing = Hashing::new(COST).await.unwrap();
    for stored in [
        "",
        "none",
        "$2b$04$short",
        "$bcrypt-sha256$v=2,t=2b,r=",
        "$bcrypt-sha256$v=2,t=2b,r=4$short$short",
        "$bcrypt-sha256$t=2b,r=4$n79VH.0Q2TMWmt3Oqt9uku$E9qjVnkzEWr9OitExy6DYk7l7AjZ4iK",
    ] {
        let checked =
            hashing.check(Some(password("correct horse")), Some(stored.to_owned().into()), ASKER).await;
        assert!(matches!(checked, Err(HashingError::Bcrypt(_))), "{stored:?}: {checked:?}");
    }
}

/// The right password of a closed account is recognised, though no answer shows it.
#[tokio::test]
async fn a_right_password_of_a_closed_account_is_known_again() {
    let (cheap, dear) = (Hashing::new(COST).await.unwrap(), Hashing::new(COST + 1).await.unwrap());
    let stored = hash(&cheap, "correct horse").await;
    for hashing in [cheap, dear] {
        let closed = async |text: Option<&str>, stored: Option<&PasswordHash>| {
            hashing.check_closed(text.map(password), stored.cloned(), ASKER).await.unwrap()
        };
        assert!(closed(Some("correct horse"), Some(&stored)).await);
        assert!(!closed(Some("wrong horse"), Some(&stored)).await);
        assert!(!closed(Some("correct horse"), None).await);
        assert!(!closed(None, Some(&stored)).await);
    }
}

/// A stall during a measurement, also the first, does not count as the time of a hash.
#[test]
fn the_first_estimate_is_the_least_of_several() {
    let (ms, stall) = (Duration::from_millis, Duration::from_secs(3));
    for (whole, cheap) in [
        (ms(240), [ms(30), ms(31), ms(30)]),
        (stall, [ms(30), stall, stall]),
        (ms(241), [stall, stall, stall]),
        (stall, [stall, ms(31), ms(30)]),
    ] {
        let estimate = least(whole, cheap, 8);
        assert!((ms(240)..ms(242)).contains(&estimate), "{whole:?} {cheap:?}: {estimate:?}");
    }
}

#[test]
fn the_dummy_has_the_cost_that_is_configured() {
    for cost in [COST, COST + 1, COST + 5] {
        let (dummy, took) = measure(cost).unwrap();
        assert!(dummy.starts_with(&format!("$2b$0{cost}$")), "{dummy}");
        assert!(!took.is_zero());
    }
}
