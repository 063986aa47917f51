//! Hotkey files as several tools write them.

use super::*;

/// The address of the seed 0x11...11.
const ADDRESS: &str = "5DtDLm5rQHShDqojQpsvcN8tRXHVFaecfDoRet1SU6BFD9Fi";

/// A phrase that tools use in examples, and the address of its key.
const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
const OF_PHRASE: &str = "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV";

/// The seed's file, encrypted with the password "swordfish" by bittensor-core 0.1.5.
const SEALED: &str = "244e41434c8f76f0304e33d7a18347d0d7dab8b9fb1f3e88e1798c93ea119b6af62eea200d932fffbaf949b00b3520b5bc0f30f7e78068ac1e5dacf0496d1df0c856d98631f6255bf803e27f2f395d09d2942e92f70eae64f0ebf8deb5caa48dc513c79e9dbbcc87d9bb137d18897817808fda591f220acaa85d3c1f276c4b5f28d9c8e39235d155198fc68b08de37aee3ddd5405f662ee75c04f9b9be4cf85723902af0b9c57b1e42444c7aab5240ff3b4771945c1bdfe5da596071aababa0a9d60bb18ae0d7bdb595ca2e3e052971b2d76a873b014a5260f5db6d71e2aca5184e9069cd7dc5c8ed60ec1f42488b6f939e9b3dd9428637a060eaad6fdca970afcf77ca8998536539287a5bebea0397e57c9d2ebe60988c4fe0503864dcceb47d1689f105a25cb077383a200ad2c850dbb855f282be535b05f938aadcd0d23985f7575ab85c39cb1c05f032714ee9840e1da77dff69b065bafe2e1c583bf2bdf3986e98043f8cd406e692736b76157bd977c2eda1edce1d951c9db60d0cace608a5ce6adee3f5a201bc7dab4fb9717bc639216a7526de28de91bc0a6ab2b6117f6527f03ab85b0ba33bd1becc25706f12c82bb3d53dad1817454f64cc51fba494d1d2ff43eea1c4f5af45fbaac035d4e24399b2219d8c86093ef1a52e7c8f9d23eea5ddfa5a2d9bee592d1d8ee82bb884d477683fcb3928e8fda37079d73e3237276f442";

fn open(content: &[u8], password: Option<&str>) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hot");
    std::fs::write(&path, content).unwrap();
    let password = password.map(Secret::new);
    let opened = open_hotkey(&path, password.as_ref(), "A_PASSWORD");
    opened.map(|key| AccountId32(key.public_key().0).to_string()).map_err(|error| {
        let text = error.to_string();
        assert!(text.contains(&path.display().to_string()), "{text} names the file");
        text
    })
}

#[track_caller]
fn check(content: &str, expected: Result<&str, &str>) {
    match (open(content.as_bytes(), None), expected) {
        (Ok(address), Ok(expected)) => assert_eq!(address, expected),
        (Err(error), Err(part)) => assert!(error.contains(part), "{error:?} does not say {part:?}"),
        (found, expected) => panic!("{found:?} and not {expected:?}"),
    }
}

fn seed() -> String {
    "11".repeat(32)
}

#[test]
fn plain_files_of_new_and_old_tools_are_opened() {
    check(&format!(r#"{{"secretSeed":"0x{}","ss58Address":"{ADDRESS}","cryptoType":1}}"#, seed()), Ok(ADDRESS));
    check(&format!(r#"{{"secretSeed":"0x{}"," ss58Address":"{ADDRESS}","cryptoType":"1"}}"#, seed()), Ok(ADDRESS));
    check(&format!(r#"{{"secretPhrase":"{PHRASE}","secretSeed":null,"ss58Address":"{OF_PHRASE}"}}"#), Ok(OF_PHRASE));
    check(&format!(r#"{{"secretPhrase":null,"secretSeed":"{}"}}"#, seed()), Ok(ADDRESS));
    check(PHRASE, Ok(OF_PHRASE));
    check(&format!(" {PHRASE}\n"), Ok(OF_PHRASE));
    check(&format!("0x{}", seed()), Ok(ADDRESS));
}

#[test]
fn a_file_that_cannot_be_used_says_what_it_is_and_the_way_out() {
    check(r#"{"encoded":"x","encoding":{}}"#, Err("is an export of polkadot.js"));
    check("$ANSIBLE_VAULT;1.1;AES256\n00", Err("is an Ansible vault"));
    check("gAAAAABabc", Err("is encrypted by Fernet"));
    check(&format!(r#"{{"secretSeed":"0x{}","cryptoType":0}}"#, seed()), Err("is not sr25519"));
    check(&format!(r#"{{"ss58Address":"{ADDRESS}"}}"#), Err("holds neither a phrase nor a seed"));
    check(&format!(r#"{{"privateKey":"0x{0}{0}"}}"#, seed()), Err("holds neither a phrase nor a seed"));
    check(r#"{"secretSeed":"0x11"}"#, Err("holds neither a phrase nor a seed"));
    check("", Err("holds neither JSON nor a phrase nor a seed"));
    check("//Alice", Err("holds neither JSON nor a phrase nor a seed"));
    check("[1, 2]", Err("holds neither JSON nor a phrase nor a seed"));
    check(&PHRASE.replace("walk", "walkk"), Err("holds neither JSON nor a phrase nor a seed"));
    let other = format!(r#"{{"secretSeed":"0x{}","ss58Address":"{OF_PHRASE}"}}"#, seed());
    check(&other, Err(&format!("names the address {OF_PHRASE} and its key has the address {ADDRESS}")));
    assert!(open(&[0xff, 0xfe], None).unwrap_err().contains("is not text"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = open_hotkey(Path::new("/nowhere/hot"), None, "A_PASSWORD").unwrap_err();
    assert!(error.to_string().starts_with("cannot read the hotkey file /nowhere/hot"), "{error}");
}

#[test]
fn an_encrypted_file_of_the_official_tool_is_opened_by_its_password_alone() {
    let sealed = hex::decode(SEALED).unwrap();
    assert_eq!(open(&sealed, Some("swordfish")).as_deref(), Ok(ADDRESS));
    let error = open(&sealed, None).unwrap_err();
    assert!(error.contains("is encrypted: put its password into the variable A_PASSWORD"), "{error}");
    for (content, password) in [(&sealed[..], "sworfish"), (&sealed[..10], "swordfish")] {
        let error = open(content, Some(password)).unwrap_err();
        assert!(error.contains("the password in the variable A_PASSWORD does not open"), "{error}");
        assert!(!error.contains(password));
    }
}
