//! Claims about the root that an authority keeps.

use std::os::unix::fs::PermissionsExt;

use super::*;

const NOW: Millis = Millis(1_790_000_000_000);

fn open(dir: &Path) -> Result<Authority, AuthorityError> {
    Authority::open_or_create(dir, AuthorityOptions::default(), NOW)
}

#[test]
fn an_authority_keeps_its_root_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca");
    let first = open(&ca).unwrap();
    let again = open(&ca).unwrap();
    assert_eq!(first.pin(), again.pin());
    assert_eq!(first.root, again.root);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&ca), 0o700);
    assert_eq!(mode(&ca.join(FILE)), 0o600);
}

#[test]
fn a_damaged_root_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    let path = dir.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    for bytes in [&whole[..whole.len() / 2], b"", b"nothing"] {
        std::fs::write(&path, bytes).unwrap();
        assert!(open(dir.path()).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_leaf_never_outlives_the_root() {
    let dir = tempfile::tempdir().unwrap();
    let options = AuthorityOptions {
        root_lifetime: Duration::from_secs(100),
        leaf_lifetime: Duration::from_secs(60),
    };
    let authority = Authority::open_or_create(dir.path(), options, NOW).unwrap();
    let peer = PeerId::new(Role::Agent, "a").unwrap();
    let expires_after = |now: Millis| {
        let identity = authority.issue(&peer, &[], now)?;
        Ok::<_, AuthorityError>(identity.expires_at().0 - NOW.0)
    };
    assert_eq!(expires_after(NOW).unwrap(), 60_000);
    assert_eq!(expires_after(NOW.plus(70_000)).unwrap(), 100_000);
    let late = expires_after(NOW.plus(100_000));
    assert!(matches!(late, Err(AuthorityError::Expired)));
}

#[test]
fn names_of_hosts_are_in_the_certificate_and_wrong_ones_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let authority = open(dir.path()).unwrap();
    let peer = PeerId::new(Role::Aggregator, "main").unwrap();
    let issue = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        authority.issue(&peer, &names, NOW)
    };
    let identity = issue(&["weft.example.org", "10.0.0.1", "::1"]).unwrap();
    let (_, leaf) = X509Certificate::from_der(&identity.chain()[0]).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 5);
    assert!(issue(&["häuschen"]).is_err());
}
