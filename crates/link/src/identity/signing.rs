//! Certificates, as rcgen makes them.
//!
//! In: names, times, keys. Out: certificates in DER.
//! Bound: roots sign leaves only (path length 0); a leaf is for one peer.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType, SerialNumber,
};
use weft_model::Millis;

use super::peer::PeerId;

/// Certificates are valid a little before they are made, for peers whose clock is behind.
const BACKDATED: Duration = Duration::from_secs(60);

/// Returns what a root certificate says.
pub(crate) fn root_params(common_name: &str, now: Millis, lifetime: Duration) -> CertificateParams {
    let mut params = dated_params(now, lifetime);
    params.distinguished_name = named(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Returns what a leaf certificate for `peer` says; host names that are none are left out.
pub(crate) fn leaf_params(
    peer: &PeerId,
    host_names: &[String],
    now: Millis,
    lifetime: Duration,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = dated_params(now, lifetime);
    params.distinguished_name = named(peer.id().0.as_str());
    params.subject_alt_names = vec![
        SanType::URI(peer.uri().try_into()?),
        SanType::DnsName(peer.id().0.as_str().try_into()?),
    ];
    for name in host_names {
        params.subject_alt_names.push(match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into()?),
        });
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if peer.role().serves() {
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    Ok(params)
}

fn dated_params(now: Millis, lifetime: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    let since_epoch = Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch.saturating_sub(BACKDATED);
    params.not_after = epoch + since_epoch + lifetime;
    params.serial_number = Some(random_serial());
    params.use_authority_key_identifier_extension = true;
    params
}

fn random_serial() -> SerialNumber {
    let mut bytes = random_bytes::<16>();
    // Serial numbers are positive and have no leading zero.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "weft");
    name.push(DnType::CommonName, common_name);
    name
}

/// Returns random bytes fit for secrets.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel has random bytes to give");
    bytes
}
